// What both pools of the module have in common: their options, statistics and numbers.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/config.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>

#include <functional>
#include <string>
#include <utility>

namespace copg::python {

namespace nb = nanobind;

/// From the keyword arguments of a pool's constructor, which Python has given their defaults.
PoolOptions options_of(const nb::dict& given, nb::handle weak_pool);
/// Throws ValueError for an option, ConfigurationError.
void validate(const Config& config, const PoolOptions& options);
/// ConfigurationError that `change` throws becomes ValueError: it is about options.
void with_value_errors(const std::function<void()>& change);

// Arguments of calls. TypeError that names the argument and says what it must be.

/// In seconds; ValueError unless it is at least 0.
double timeout_of(nb::handle given);
/// The bounds of a pool; without a maximum, the minimum.
std::pair<int, int> bounds_of(nb::handle min_size, nb::handle max_size);
bool switch_of(nb::handle given, const char* name);
std::string text_of(nb::handle given, const char* name);

/// Of a pool that is not open yet.
PoolStats stats_before_opening(const PoolOptions& options);
nb::dict dict_of(const PoolStats& stats);
/// PooledDatabase('name', size=5/10)
std::string repr_of(const std::string& class_name, const std::string& name, const PoolStats& stats);

[[noreturn]] void reject_closed(const std::string& name);
[[noreturn]] void reject_not_open(const std::string& name);
[[noreturn]] void reject_reopening(const std::string& name);
[[noreturn]] void reject_at_the_end(const std::string& name);

}  // namespace copg::python
