// Takes notices out of libpq's hands.
#include "pq/notices.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "pq/errors.hpp"

namespace copg::pq {

void Notices::receive_from(PGconn* conn) noexcept { PQsetNoticeReceiver(conn, &Notices::take, this); }

void Notices::take(void* self, const PGresult* notice) noexcept {
  auto& notices = *static_cast<Notices*>(self);
  const std::string_view severity = field(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity == "FATAL" || severity == "PANIC") notices.farewell_ = true;
  try {
    // libpq's own complaints carry no fields, only a text.
    std::string_view message = field(notice, PG_DIAG_MESSAGE_PRIMARY);
    if (message.empty()) message = PQresultErrorMessage(notice);
    const auto text = [notice](int code) { return std::string(field(notice, code)); };
    Notice taken{.severity = std::string(severity),
                 .sqlstate = SqlState(field(notice, PG_DIAG_SQLSTATE)),
                 .message = std::string(message),
                 .detail = text(PG_DIAG_MESSAGE_DETAIL),
                 .hint = text(PG_DIAG_MESSAGE_HINT),
                 .context = text(PG_DIAG_CONTEXT)};
    if (notices.told_) notices.told_(taken);
    if (notices.pending_.size() < kept_of_statement) notices.pending_.push_back(taken);
    if (notices.recent_.size() == kept) notices.recent_.pop_front();
    notices.recent_.push_back(std::move(taken));
  } catch (const std::exception&) {
    notices.recent_.clear();  // out of memory: notices are the last thing that memory is needed for
  }
}

}  // namespace copg::pq
