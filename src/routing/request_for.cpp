#include "routing/request_for.hpp"

namespace copg::routing {

cluster::Request request_for(Role role, const RoleOptions& options, engine::TimePoint time) {
  cluster::Request request;
  switch (role) {
    case Role::primary: request.role = cluster::Role::primary; break;
    case Role::replica: request.role = cluster::Role::replica; break;
    case Role::any: request.role = cluster::Role::any; break;
  }
  switch (options.if_unfit) {
    case IfUnfit::wait: request.if_unfit = cluster::IfUnfit::wait; break;
    case IfUnfit::primary: request.if_unfit = cluster::IfUnfit::primary; break;
    case IfUnfit::fail: request.if_unfit = cluster::IfUnfit::fail; break;
  }
  if (options.after)
    request.token = {.system = options.after->system,
                     .timeline = options.after->timeline,
                     .position = options.after->position};
  if (options.max_lag) request.max_lag = engine::duration_of(*options.max_lag);
  request.patience = engine::after(time, engine::duration_of(options.patience));
  return request;
}

}  // namespace copg::routing
