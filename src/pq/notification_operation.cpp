#include "pq/notification_operation.hpp"

namespace copg::pq {

Step NotificationOperation::advance(Ready ready) {
  const bool read = ready == Ready::none || PQconsumeInput(connection_.raw()) == 1;
  const bool farewell = connection_.fatal_notice_seen();  // parses what was read
  take_notifications(connection_, inbox_);
  if (!read || farewell || !connection_.alive()) {
    connection_.mark_dead();
    return fail(connection_.final_error({}));
  }
  if (!inbox_.empty()) return Step::finished();
  return Step::wait(connection_.fd(), connection_.awaits(true));
}

}  // namespace copg::pq
