// DECLARE, FETCH, CLOSE.
#include "pq/portal_exchange.hpp"

#include <utility>

#include "pq/errors.hpp"
#include "pq/result_access.hpp"

namespace copg::pq {
namespace {

std::string declare_prefix(const Portal& portal) {
  return "DECLARE " + portal.name + " NO SCROLL CURSOR FOR ";
}

std::string fetch_text(const Portal& portal) {
  return "FETCH FORWARD " + std::to_string(portal.chunk_rows) + " FROM " + portal.name;
}

}  // namespace

PortalExchange::PortalExchange(Connection& connection, const Portal& portal, const Keeper& keeper,
                               BeginFirst begin)
    : Exchange(connection, portal.sql),
      portal_(portal),
      keeper_(keeper),
      begin_(begin),
      declare_(declare_prefix(portal).append(portal.sql)),
      fetch_(fetch_text(portal)) {}

PortalExchange::PortalExchange(Connection& connection, const Portal& portal)
    : Exchange(connection, portal.sql), portal_(portal), begin_(BeginFirst::no), fetch_(fetch_text(portal)) {}

ErrorPtr PortalExchange::check() {
  if (!keeper_) return nullptr;
  if (ErrorPtr refusal = unsendable(declare_)) return refusal;
  return wrong_number(portal_.traits.parameters, portal_.params.size(), portal_.sql);
}

bool PortalExchange::send() {
  if (closed()) return PQsendQuery(connection_.raw(), ("CLOSE " + portal_.name).c_str()) == 1;
  if (keeper_) return send_first();
  return PQsendQueryParams(connection_.raw(), fetch_.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) == 1;
}

bool PortalExchange::send_first() {
  constexpr int text_format = 0;
  expect_ = begin_ ? Expect::begin : Expect::declare;
  const ParamsView& params = portal_.params;
  return enter_pipeline() && (!begin_ || put_beginning(connection_, *begin_)) &&
         PQsendQueryParams(connection_.raw(), declare_.c_str(), params.size(), params.types().data(),
                           params.values(), params.lengths(), params.formats(), text_format) == 1 &&
         send_plain(fetch_.c_str()) && send_sync();
}

void PortalExchange::on_result(ResultPtr result) {
  switch (expect_) {
    case Expect::begin: expect_ = begin_->settings != nullptr ? Expect::settings : Expect::declare; break;
    case Expect::settings:
      note_settings(connection_, *begin_->settings, result.get());
      expect_ = Expect::declare;
      break;
    case Expect::declare:
      // What the query does to the session, it does in the name of FETCH.
      connection_.note_statement("SELECT", portal_.traits);
      connection_.keep_open().add_portal(keeper_, portal_.name);
      expect_ = Expect::fetch;
      break;
    case Expect::fetch: rows_ = std::move(result); break;
    case Expect::close: break;
  }
}

void PortalExchange::on_error(ErrorPtr error, const PGresult* /*result*/) {
  if (expect_ == Expect::settings) {
    error->query = begin_->settings->sql;
  } else if (expect_ >= Expect::declare) {
    connection_.note_statement("", portal_.traits);
  }
  if (expect_ == Expect::declare && error->statement_position > 0)
    error->statement_position -= static_cast<int>(declare_.size() - portal_.sql.size());
  keep_error(std::move(error));
}

bool PortalExchange::again() {
  const bool ended = rows_ && static_cast<std::size_t>(PQntuples(rows_.get())) < portal_.chunk_rows;
  if (has_kept_error() || !ended || closed()) return false;
  expect_ = Expect::close;
  connection_.keep_open().remove_portal(portal_.name);
  return true;
}

Result PortalExchange::take_chunk() {
  return rows_ ? ResultAccess::make(std::move(rows_), detail::Effect::none, &connection_.notices())
               : Result();
}

}  // namespace copg::pq
