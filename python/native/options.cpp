// The options are given in Python, bounded here by copg, and told from each other by name.
#include "python/native/options.hpp"

#include <nanobind/stl/string.h>

#include <copg/deadline.hpp>
#include <copg/error.hpp>

#include <fmt/format.h>

#include <chrono>
#include <initializer_list>
#include <memory>
#include <utility>

#include "python/native/callback.hpp"
#include "python/native/notify.hpp"

namespace copg::python {
namespace {

[[noreturn]] void reject_kind(nb::handle value, const char* name, const char* kind) {
  const auto shown = nb::cast<std::string>(nb::repr(value));
  throw nb::type_error(fmt::format("{} = {}: it must be {}", name, shown, kind).c_str());
}

/// TypeError that names the option and says what it must be.
template <class T>
T argument(nb::handle value, const char* name, const char* kind) {
  T result{};
  if (nb::try_cast<T>(value, result)) return result;
  reject_kind(value, name, kind);
}

constexpr const char* whole_number = "a whole number (of 32 bits)";
constexpr const char* true_or_false = "True or False";
constexpr const char* number_of_seconds = "a number of seconds";

template <class T>
T option(const nb::dict& given, const char* name, const char* kind) {
  return argument<T>(nb::object(given[name]), name, kind);
}

/// One of the names; ValueError that says which there are.
template <class E>
E choice(const nb::dict& given, const char* name, std::initializer_list<std::pair<const char*, E>> choices) {
  const nb::object value = given[name];
  std::string list;
  for (const auto& [word, meaning] : choices) {
    if (value.equal(nb::str(word))) return meaning;
    list += fmt::format("{}'{}'", list.empty() ? "" : ", ", word);
  }
  const auto shown = nb::cast<std::string>(nb::repr(value));
  throw nb::value_error(fmt::format("{} = {}: it must be one of {}", name, shown, list).c_str());
}

ResolveCommits resolve_commits_of(nb::handle given) {
  if (given.equal(nb::str("on_request"))) return ResolveCommits::on_request;
  if (!PyBool_Check(given.ptr())) {
    const auto shown = nb::cast<std::string>(nb::repr(given));
    throw nb::value_error(
        fmt::format("resolve_commits = {}: it must be True, False or 'on_request'", shown).c_str());
  }
  return given.is(Py_True) ? ResolveCommits::always : ResolveCommits::never;
}

}  // namespace

PoolOptions options_of(const nb::dict& given, nb::handle weak_pool) {
  PoolOptions options;
  const auto seconds = [&](const char* name) {
    return Seconds(option<double>(given, name, number_of_seconds));
  };
  const auto whole = [&](const char* name) { return option<int>(given, name, whole_number); };
  options.min_size = whole("min_size");
  options.max_size = nb::object(given["max_size"]).is_none() ? options.min_size : whole("max_size");
  options.max_idle = seconds("max_idle");
  options.max_lifetime = seconds("max_lifetime");
  options.timeout = seconds("timeout");
  options.num_workers = whole("num_workers");
  options.reconnect_timeout = seconds("reconnect_timeout");
  options.name = option<std::string>(given, "name", "a str");
  options.max_waiting = whole("max_waiting");
  options.connect_timeout = seconds("connect_timeout");
  options.min_idle = whole("min_idle");
  options.credentials_ttl = seconds("credentials_ttl");
  options.reset = choice<ResetMode>(
      given, "reset",
      {{"tracked", ResetMode::tracked}, {"full", ResetMode::full}, {"rollback", ResetMode::rollback}});
  options.prepare = choice<PrepareMode>(
      given, "prepare",
      {{"auto", PrepareMode::automatic}, {"on", PrepareMode::on}, {"off", PrepareMode::off}});
  options.share = option<bool>(given, "share", true_or_false);
  options.join_rows = option<bool>(given, "join_rows", true_or_false);
  options.max_result_bytes = option<std::int64_t>(given, "max_result_bytes", "a whole number");
  options.resolve_commits = resolve_commits_of(given["resolve_commits"]);
  switch_of(given["autocommit"], "autocommit");  // for the connections
  const auto notifier = std::make_shared<Notifier>(weak_pool);
  const auto is_given = [&](const char* name) { return !nb::object(given[name]).is_none(); };
  if (is_given("reconnect_failed")) {
    options.reconnect_failed = [notifier] { notifier->reconnect_failed(); };
  }
  if (is_given("outage_patience")) options.outage_patience = seconds("outage_patience");
  if (is_given("leak_after")) options.leak_after = seconds("leak_after");
  if (is_given("held_idle_after")) options.held_idle_after = seconds("held_idle_after");
  if (is_given("slow_acquire")) options.slow_acquire = seconds("slow_acquire");
  if (is_given("slow_statement")) options.slow_statement = seconds("slow_statement");
  options.observer = observers_of(given, notifier);
  set_callbacks(options, is_given, notifier);
  return options;
}

void with_value_errors(const std::function<void()>& change) {
  try {
    change();
  } catch (const ConfigurationError& error) {
    throw nb::value_error(error.what());
  }
}

void validate(const Config& config, const PoolOptions& options) {
  with_value_errors([&] { options.validate(); });
  const auto encoding = config.options.find("client_encoding");
  if (encoding != config.options.end() && encoding->second != "UTF8") {
    throw ConfigurationError(fmt::format(
        "client_encoding = '{}': it must be UTF8, in which Python's strings travel", encoding->second));
  }
  config.validate();
}

double seconds_of(nb::handle given, const char* name) {
  if (PyBool_Check(given.ptr()))
    reject_kind(given, name, number_of_seconds);  // which Python takes for a number
  const auto seconds = argument<double>(given, name, number_of_seconds);
  if (!(seconds >= 0))
    throw nb::value_error(fmt::format("{} = {}: it must be at least 0 s", name, seconds).c_str());
  return seconds;
}

double timeout_of(nb::handle given) {
  Deadline deadline;
  const bool is_deadline = PyFloat_CheckExact(given.ptr()) == 0 && nb::try_cast<Deadline>(given, deadline);
  return is_deadline ? deadline.left().count() : seconds_of(given, "timeout");
}

std::pair<int, int> bounds_of(nb::handle min_size, nb::handle max_size) {
  const int least = argument<int>(min_size, "min_size", whole_number);
  return {least, max_size.is_none() ? least : argument<int>(max_size, "max_size", whole_number)};
}

bool switch_of(nb::handle given, const char* name) { return argument<bool>(given, name, true_or_false); }

std::string text_of(nb::handle given, const char* name) {
  return argument<std::string>(given, name, "a str");
}

}  // namespace copg::python
