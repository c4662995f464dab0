// Everything, and the pool for event loops. Includes Boost.Asio, which copg.hpp does not.
#pragma once

#include <copg/async_connection.hpp>
#include <copg/async_pooled_database.hpp>
#include <copg/copg.hpp>
