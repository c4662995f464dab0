// See documents.hpp.
#include "documents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>

#include "sort_keeping_order.hpp"

namespace copg::tools {
namespace {

namespace json = boost::json;

constexpr std::int64_t known_version = 1;

/// An object of the document, which may not be there: every question has an answer.
class Object {
 public:
  explicit Object(const json::value* value) : object_(value != nullptr ? value->if_object() : nullptr) {}

  [[nodiscard]] const json::value* at(std::string_view name) const {
    return object_ != nullptr ? object_->if_contains(name) : nullptr;
  }
  [[nodiscard]] Object object(std::string_view name) const { return Object(at(name)); }
  [[nodiscard]] std::string text(std::string_view name) const { return optional_text(name).value_or(""); }
  [[nodiscard]] std::optional<std::string> optional_text(std::string_view name) const {
    const json::value* value = at(name);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string());
  }
  [[nodiscard]] double number(std::string_view name) const { return optional_number(name).value_or(0); }
  [[nodiscard]] std::optional<double> optional_number(std::string_view name) const {
    const json::value* value = at(name);
    if (value == nullptr || !value->is_number()) return {};
    return value->to_number<double>();
  }
  [[nodiscard]] std::uint64_t count(std::string_view name) const { return optional_count(name).value_or(0); }
  [[nodiscard]] std::optional<std::uint64_t> optional_count(std::string_view name) const {
    const json::value* value = at(name);
    if (value == nullptr || !value->is_number()) return {};
    boost::system::error_code error;
    const auto result = value->to_number<std::uint64_t>(error);
    return error ? 0 : result;
  }
  [[nodiscard]] bool flag(std::string_view name, bool otherwise) const {
    const json::value* value = at(name);
    return value != nullptr && value->is_bool() ? value->get_bool() : otherwise;
  }
  template <class Read>
  [[nodiscard]] auto list(std::string_view name, Read read) const {
    std::vector<decltype(read(Object(nullptr)))> result;
    const json::value* value = at(name);
    if (value == nullptr || !value->is_array()) return result;
    for (const json::value& element : value->get_array()) result.push_back(read(Object(&element)));
    return result;
  }

 private:
  const json::object* object_;
};

TopTimes read_times(const Object& from) {
  return {.p50 = from.number("p50"),
          .p95 = from.number("p95"),
          .p99 = from.number("p99"),
          .longest = from.number("max"),
          .count = from.count("count")};
}

TopLease read_lease(const Object& from) {
  return {.connection = from.count("connection"),
          .backend_pid = static_cast<std::int64_t>(from.number("backend_pid")),
          .name = from.text("name"),
          .place = from.text("place"),
          .holder = from.text("holder"),
          .age = from.number("age"),
          .idle = from.optional_number("idle"),
          .held_idle = from.flag("held_idle", false),
          .transaction = from.text("transaction"),
          .statement = from.optional_text("statement")};
}

TopWaiter read_waiter(const Object& from) {
  return {.kind = from.text("kind"),
          .age = from.number("age"),
          .place = from.text("place"),
          .holder = from.text("holder"),
          .statement = from.optional_text("statement")};
}

TopSlow read_slow(const Object& from) {
  return {.time = from.number("time"),
          .seconds = from.number("seconds"),
          .statement = from.text("statement"),
          .connection = from.count("connection")};
}

TopTrouble read_error(const Object& from) {
  return {.time = from.number("time"),
          .what = from.text("kind"),
          .sqlstate = from.text("sqlstate"),
          .message = from.text("message")};
}

TopTrouble read_close(const Object& from) {
  return {.time = from.number("time"),
          .what = from.text("reason"),
          .sqlstate = from.text("sqlstate"),
          .message = from.text("last_words"),
          .connection = from.optional_count("connection").value_or(0)};
}

TopPool read_pool(const Object& from) {
  const Object connections = from.object("connections");
  const Object waiters = from.object("waiters");
  const Object minute = from.object("minute");
  const Object health = from.object("health");
  TopPool pool;
  pool.name = from.text("name");
  pool.min_size = from.count("min_size");
  pool.max_size = from.count("max_size");
  pool.connections = {.idle = connections.count("idle"),
                      .leased = connections.count("leased"),
                      .connecting = connections.count("connecting"),
                      .resetting = connections.count("resetting"),
                      .checking = connections.count("checking"),
                      .closing = connections.count("closing")};
  pool.waiters_for_connection = waiters.count("connection");
  pool.waiters_with_statement = waiters.count("statement");
  pool.requests_per_second = minute.number("requests_per_second");
  pool.waited = minute.number("waited");
  pool.wait = read_times(minute.object("wait"));
  pool.operation = read_times(minute.object("operation"));
  pool.leases = from.list("leases", read_lease);
  pool.leases_total = std::max<std::uint64_t>(from.count("leases_total"), pool.leases.size());
  pool.waiting = from.list("waiting", read_waiter);
  pool.waiting_total = std::max<std::uint64_t>(from.count("waiting_total"), pool.waiting.size());
  pool.slowest = from.list("slowest", read_slow);
  pool.troubles = from.list("errors", read_error);
  for (TopTrouble& close : from.list("closes", read_close)) pool.troubles.push_back(std::move(close));
  sort_keeping_order(pool.troubles, [](const TopTrouble& a, const TopTrouble& b) { return a.time > b.time; });
  // Advice that says nothing is to be done, or that too little is known, is no remark.
  const std::string verdict = from.object("advice").text("verdict");
  if (verdict != "fits" && verdict != "unknown") pool.advice = from.object("advice").text("text");
  pool.healthy = health.flag("ok", true);
  pool.health_reason = health.text("reason");
  return pool;
}

}  // namespace

json::value parse_document(std::string_view text) {
  boost::system::error_code error;
  json::value document = json::parse(text, error);
  if (error) throw UnknownDocument(fmt::format("its answer is not JSON: {}", error.message()));
  return document;
}

TopProcess read_document(const json::value& document) {
  const Object from(&document);
  const auto version = from.optional_number("version");
  if (!version || from.at("pools") == nullptr)
    throw UnknownDocument("its answer is not that of a monitor of copg");
  if (*version != known_version)
    throw UnknownDocument(
        fmt::format("its answer has version {}, and this copg knows version {}", *version, known_version));
  const Object process = from.object("process");
  return {.pid = static_cast<std::int64_t>(process.number("pid")),
          .host = process.text("host"),
          .program = process.text("program"),
          .started = process.number("started"),
          .time = from.number("time"),
          .pools = from.list("pools", read_pool)};
}

}  // namespace copg::tools
