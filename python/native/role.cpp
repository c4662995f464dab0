#include "python/native/role.hpp"

#include <nanobind/stl/string.h>

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

#include "python/native/options.hpp"

namespace copg::python {
namespace {

constexpr std::array<std::pair<const char*, Role>, 3> roles = {
    {{"primary", Role::primary}, {"replica", Role::replica}, {"any", Role::any}}};
constexpr std::array<std::pair<const char*, IfUnfit>, 3> choices_if_unfit = {
    {{"wait", IfUnfit::wait}, {"primary", IfUnfit::primary}, {"fail", IfUnfit::fail}}};

template <class Value>
Value one_of(nb::handle given, const char* name,
             const std::array<std::pair<const char*, Value>, 3>& choices) {
  const std::string text = python::text_of(given, name);
  for (const auto& [word, value] : choices) {
    if (text == word) return value;
  }
  throw nb::value_error(fmt::format("{} = '{}': it must be '{}', '{}' or '{}'", name, text, choices[0].first,
                                    choices[1].first, choices[2].first)
                            .c_str());
}

}  // namespace

Role role_of(nb::handle given) { return one_of(given, "role", roles); }

RoleOptions role_options_of(nb::handle max_lag, nb::handle if_unfit, nb::handle patience) {
  RoleOptions options;
  if (!max_lag.is_none()) options.max_lag = Seconds(seconds_of(max_lag, "max_lag"));
  options.if_unfit = one_of(if_unfit, "if_unfit", choices_if_unfit);
  options.patience = Seconds(seconds_of(patience, "patience"));
  return options;
}

}  // namespace copg::python
