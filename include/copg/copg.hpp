// All of copg, except for the pool for event loops (async.hpp).
#pragma once

#include <copg/by_name.hpp>
#include <copg/close_reason.hpp>
#include <copg/codec.hpp>
#include <copg/config.hpp>
#include <copg/connection.hpp>
#include <copg/copy.hpp>
#include <copg/copy_stream.hpp>
#include <copg/copy_target.hpp>
#include <copg/deadline.hpp>
#include <copg/error.hpp>
#include <copg/identifier.hpp>
#include <copg/observer.hpp>
#include <copg/params.hpp>
#include <copg/pipeline.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>
#include <copg/pooled_database.hpp>
#include <copg/result.hpp>
#include <copg/row_source.hpp>
#include <copg/row_stream.hpp>
#include <copg/run_options.hpp>
#include <copg/sqlstate.hpp>
#include <copg/transaction.hpp>
#include <copg/transaction_options.hpp>
#include <copg/version.hpp>
