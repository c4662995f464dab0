// A step unparks the operation of its COPY, and lets it go on until it parks again or is done.
#include "pq/kept_copy.hpp"

#include <charconv>
#include <system_error>
#include <utility>

#include "pq/errors.hpp"
#include "sql/text_traits.hpp"

namespace copg::pq {

void add_lines(std::string& context, std::int64_t lines) {
  const std::size_t begin = context.starts_with("COPY ") ? 0 : context.rfind("\nCOPY ");
  if (begin == std::string::npos || lines == 0) return;
  // Behind the table's name stands a comma, a word, and the number.
  for (std::size_t comma = context.find(", ", begin); comma != std::string::npos;
       comma = context.find(", ", comma + 2)) {
    const std::size_t space = context.find(' ', comma + 2);
    if (space == std::string::npos) return;
    std::int64_t line = 0;
    const char* const number = context.data() + space + 1;
    const auto read = std::from_chars(number, context.data() + context.size(), line);
    if (read.ec != std::errc() || line <= 0) continue;
    context.replace(space + 1, static_cast<std::size_t>(read.ptr - number), std::to_string(line + lines));
    return;
  }
}

KeptCopy::KeptCopy(std::string sql) : sql_(std::move(sql)) {
  const sql::TextTraits traits = sql::text_traits(sql_);
  takes_data_ = traits.copies_in;
  gives_data_ = traits.copies_out;
}

CopyStep::CopyStep(Connection& connection, KeptCopy& copy, CopyWish wish, std::string_view data,
                   BeginFirst begin)
    : StatementOperation(copy.sql_),
      connection_(connection),
      copy_(copy),
      wish_(wish),
      data_(data),
      begin_(begin) {}

// Given up half-way: what it has moved is not known.
CopyStep::~CopyStep() {
  if (!begun_ || done_) return;
  copy_.operation_.reset();
  copy_.state_ = KeptCopy::State::failed;
}

bool CopyStep::is_open_here() const noexcept {
  return connection_.kept_open() != nullptr && connection_.kept_open()->is_exchange_of(copy_.keeper_);
}

bool CopyStep::nothing_to_do() const noexcept {
  const bool ended = copy_.state_ != KeptCopy::State::open || !is_open_here();
  return ended && wish_ != CopyWish::begin;  // what else needs one that is open was refused
}

Step CopyStep::advance(Ready ready) {
  if (!begun_) {
    if (ErrorPtr refusal = refuse()) return fail(std::move(refusal));
    if (nothing_to_do()) return Step::finished();
    begun_ = true;
    if (wish_ == CopyWish::begin) {
      copy_.within_transaction_ = static_cast<bool>(begin_) || connection_.in_transaction();
      if (copy_.takes_data_) {
        copy_.operation_ = std::make_unique<CopyInOperation>(connection_, sql_, copy_.pushed_, begin_);
      } else {
        copy_.operation_ = std::make_unique<CopyOutOperation>(connection_, sql_, copy_.pulled_, begin_);
      }
    } else {
      connection_.kept_open()->take_up_exchange();
      sent_ = true;
      wish();
    }
  }
  return go_on(ready);
}

/// Why the call can't be done; nullptr: it can.
ErrorPtr CopyStep::refuse() const {
  using State = KeptCopy::State;
  if (wish_ == CopyWish::begin) {
    if (!copy_.takes_data_ && !copy_.gives_data_)
      return usage_error("this is no COPY ... FROM STDIN and no COPY ... TO STDOUT", sql_);
    return copy_.state_ == State::unbegun ? nullptr : usage_error("this COPY was begun before", {});
  }
  if (copy_.state_ == State::unbegun) return usage_error("this COPY has not begun", {});
  if (wish_ == CopyWish::write && !copy_.takes_data_)
    return usage_error("this COPY sends data (TO STDOUT): it can be read, not written to", {});
  if (wish_ == CopyWish::read && copy_.takes_data_)
    return usage_error("this COPY takes data (FROM STDIN): it can be written to, not read", {});
  const bool gone = copy_.state_ == State::open && !is_open_here();
  if (gone && !connection_.alive()) return connection_.final_error(sql_);
  if (wish_ == CopyWish::give_up) return nullptr;
  if (gone) return usage_error("this COPY has ended: its connection was given back", {});
  if (copy_.state_ == State::failed) return usage_error("this COPY has failed", {});
  if (copy_.state_ == State::ended && wish_ == CopyWish::write) return usage_error("this COPY has ended", {});
  return nullptr;
}

void CopyStep::wish() {
  switch (wish_) {
    case CopyWish::begin: break;
    case CopyWish::write: copy_.pushed_.put(data_); break;
    case CopyWish::read: copy_.pulled_.want(PulledData::Want::piece); break;
    case CopyWish::finish:
      copy_.pushed_.end();
      copy_.pulled_.want(PulledData::Want::rest);
      break;
    case CopyWish::give_up:
      copy_.pushed_.give_up();
      copy_.pulled_.give_up();
      break;
  }
}

Step CopyStep::go_on(Ready ready) {
  CopyOperation& operation = *copy_.operation_;
  const Step step = operation.advance(ready);
  phase_ = operation.phase();
  sent_ = sent_ || operation.first_bytes_sent();
  if (!step.done) return step;
  done_ = true;
  if (operation.parked()) {
    copy_.pulled_.want(PulledData::Want::nothing);
    copy_.state_ = KeptCopy::State::open;
    connection_.keep_open().keep_exchange(copy_.keeper_, "a COPY", copy_.within_transaction_);
    return step;
  }
  copy_.rows_copied_ = operation.rows_copied();
  ErrorPtr error = operation.take_error();
  if (error != nullptr) add_lines(error->context, copy_.rows_before_);
  copy_.operation_.reset();
  if (error == nullptr) {
    copy_.state_ = KeptCopy::State::ended;
    return step;
  }
  // One that was never sent may begin anew, on another connection.
  copy_.state_ = sent_ ? KeptCopy::State::failed : KeptCopy::State::unbegun;
  return fail(std::move(error));
}

}  // namespace copg::pq
