// Options and arguments that Python gives, with what is said of those that are wrong.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/config.hpp>
#include <copg/pool_options.hpp>

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

/// ValueError unless it is at least 0.
double seconds_of(nb::handle given, const char* name);
/// In seconds; of a Deadline those that are left.
double timeout_of(nb::handle given);
/// The bounds of a pool; without a maximum, the minimum.
std::pair<int, int> bounds_of(nb::handle min_size, nb::handle max_size);
bool switch_of(nb::handle given, const char* name);
std::string text_of(nb::handle given, const char* name);

}  // namespace copg::python
