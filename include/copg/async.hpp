// All of copg.hpp, and the pool for event loops. Unlike copg.hpp, it includes Boost.Asio.
#pragma once

#include <copg/async_connection.hpp>
#include <copg/async_copy.hpp>
#include <copg/async_listener.hpp>
#include <copg/async_pooled_database.hpp>
#include <copg/copg.hpp>
