#include <copg/session.hpp>

#include <utility>

namespace copg {

Result Session::execute(const Sql& sql, const Params& params) { return statement(sql, params, nullptr); }

Result Session::fetch(const Sql& sql, const Params& params, const detail::RowShape& shape) {
  return statement(sql, params, &shape);
}

Result Session::statement(const Sql& sql, const Params& params, const detail::RowShape* shape) {
  known_ = false;
  std::optional<WriteToken> token;
  Result result = primary_.fetch_with_position(sql, params, shape, token);
  if (token) note(*token);
  return result;
}

std::int64_t Session::execute_many(const Sql& sql, RowSource& rows) {
  known_ = false;
  return primary_.execute_many(sql, rows);
}

std::vector<Result> Session::execute_many_returning(const Sql& sql, RowSource& rows) {
  known_ = false;
  return primary_.execute_many_returning(sql, rows);
}

std::vector<PipelineAnswer> Session::execute(const Pipeline& pipeline) {
  known_ = false;
  return primary_.execute(pipeline);
}

std::vector<Result> Session::execute_all(const Pipeline& pipeline) {
  known_ = false;
  return primary_.execute_all(pipeline);
}

std::int64_t Session::copy_in(const Sql& sql, CopySource& source) {
  known_ = false;
  return primary_.copy_in(sql, source);
}

DatabaseOn Session::on(Role role, const RoleOptions& options) {
  RoleOptions both = options;
  if (const auto written = token()) both.after = options.after ? later_of(*options.after, *written) : written;
  return primary_.on(role, both);
}

std::optional<WriteToken> Session::token() {
  if (!known_) {
    if (const auto token = primary_.position()) note(*token);
    known_ = true;
  }
  return token_;
}

void Session::follow(const WriteToken& token) {
  if (token.timeline == 0) throw UsageError("not the token of a write, since its timeline is 0");
  token_ = token_ ? later_of(*token_, token) : token;
}

void Session::note(const WriteToken& token) {
  token_ = token_ ? later_of(*token_, token) : token;
  known_ = true;
}

}  // namespace copg
