// For tests of programs: a PostgreSQL server of one's own, and transactions that are rolled back. Link
// copg::testing. testing/async_rolled_back.hpp has those for event loops.
#pragma once

#include <copg/testing/postgres_not_found.hpp>
#include <copg/testing/rolled_back.hpp>
#include <copg/testing/server.hpp>
