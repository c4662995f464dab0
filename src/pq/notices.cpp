// Takes notices out of libpq's hands.
#include "pq/notices.hpp"

#include <string_view>

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
    if (notices.recent_.size() == kept) notices.recent_.pop_front();
    notices.recent_.push_back(
        {std::string(severity), SqlState(field(notice, PG_DIAG_SQLSTATE)), std::string(message)});
  } catch (const std::exception&) {
    notices.recent_.clear();  // out of memory: notices are the last thing that memory is needed for
  }
}

}  // namespace copg::pq
