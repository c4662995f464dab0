// See server_source.hpp.
#include "server_source.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <exception>

namespace copg::tools {
namespace {

namespace json = boost::json;

PoolOptions pool_options(double timeout_s) {
  PoolOptions options{
      .min_size = 0, .max_size = 1, .timeout = Seconds(timeout_s), .connect_timeout = Seconds(timeout_s)};
  options.name = "copg top";
  return options;
}

Config with_application_name(Config config) {
  config.options["application_name"] = "copg top";
  return config;
}

json::value or_null(const std::optional<double>& seconds) {
  return seconds ? json::value(*seconds) : json::value(nullptr);
}

}  // namespace

ServerSource::ServerSource(const boost::asio::any_io_executor& executor, const Config& config,
                           double timeout_s, std::string remark)
    : executor_(executor),
      where_(fmt::format("{}:{}", config.host, config.port)),
      db_(executor, with_application_name(config), pool_options(timeout_s)),
      remark_(std::move(remark)) {}

void ServerSource::refresh() {
  if (asking_) return;
  asked_ = asking_ = true;
  boost::asio::co_spawn(executor_, ask(), [this](const std::exception_ptr& error) {
    asking_ = false;
    trouble_.clear();
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::exception& known) {
      trouble_ = known.what();
    }
    changed();
  });
}

boost::asio::awaitable<void> ServerSource::ask() {
  if (!open_) co_await db_.open();
  open_ = true;
  facts_ = co_await db_.fetch_one<ServerFacts>(server_facts_sql);
  sessions_ = co_await db_.fetch_all<ServerSession>(sessions_sql);
}

Picture ServerSource::picture() const {
  Picture picture = picture_of(where_, facts_.value_or(ServerFacts{}), sessions_);
  if (!remark_.empty()) picture.remarks.push_back({{remark_, Tone::dim}});
  if (!trouble_.empty()) picture.remarks.insert(picture.remarks.begin(), Line{{trouble_, Tone::bad}});
  return picture;
}

std::string ServerSource::json() const {
  const ServerFacts facts = facts_.value_or(ServerFacts{});
  json::array sessions;
  for (const ServerSession& session : sessions_) {
    json::object one{{"pid", session.pid},
                     {"application", harmless(session.application)},
                     {"client", session.client},
                     {"role", harmless(session.role)},
                     {"database", harmless(session.database)},
                     {"state", session.state},
                     {"in_state", or_null(session.in_state)},
                     {"in_transaction", or_null(session.in_transaction)},
                     {"waits_for", session.waits_for},
                     {"blocked_by", json::array(session.blocked_by.begin(), session.blocked_by.end())},
                     {"statement", harmless(session.statement)}};
    sessions.push_back(std::move(one));
  }
  return json::serialize(json::object{{"server",
                                       {{"address", where_},
                                        {"version", facts.version},
                                        {"max_connections", facts.max_connections},
                                        {"sees_all", facts.sees_all}}},
                                      {"sessions", std::move(sessions)}});
}

std::vector<std::string> ServerSource::troubles() const {
  if (trouble_.empty()) return {};
  if (remark_.empty()) return {trouble_};
  return {remark_, trouble_};
}

}  // namespace copg::tools
