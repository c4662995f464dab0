// The part of Result that needs a PGresult.
#include <algorithm>
#include <charconv>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "pq/late_symbols.hpp"
#include "pq/result_access.hpp"

namespace copg {
namespace detail {

void intrusive_ptr_add_ref(const ResultData* data) noexcept {
  data->owners.fetch_add(1, std::memory_order_relaxed);
}

void intrusive_ptr_release(const ResultData* data) noexcept {
  // The only owner needs no exchange, which costs more than a look.
  const bool last = data->owners.load(std::memory_order_acquire) == 1 ||
                    data->owners.fetch_sub(1, std::memory_order_acq_rel) == 1;
  if (last) PQclear(data->raw);
}

namespace {

Cell read_cell(const PGresult* raw, int row, int column) noexcept {
  const int size = PQgetlength(raw, row, column);
  // NULL has length 0, and so has the empty string.
  if (size == 0 && PQgetisnull(raw, row, column) != 0) return {};
  return {PQgetvalue(raw, row, column), static_cast<std::size_t>(size)};
}

}  // namespace

Cell cell(const ResultData& data, std::size_t row, std::size_t column) noexcept {
  return read_cell(data.raw, static_cast<int>(row), static_cast<int>(column));
}

void cells_of(const ResultData& data, std::size_t row, Cell* cells) noexcept {
  const auto count = static_cast<int>(data.columns.size());
  for (int column = 0; column < count; ++column)
    cells[column] = read_cell(data.raw, static_cast<int>(row), column);
}

}  // namespace detail

bool Result::returns_rows() const noexcept {
  const ExecStatusType status = data_ ? PQresultStatus(data_->raw) : PGRES_EMPTY_QUERY;
  return status == PGRES_TUPLES_OK || status == pq::rows_chunk;
}

std::int64_t Result::affected_rows() const noexcept {
  if (!data_) return 0;
  const std::string_view text = PQcmdTuples(data_->raw);
  std::int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

std::string_view Result::command_tag() const noexcept {
  if (!data_) return {};
  const char* const tag = PQcmdStatus(data_->raw);
  return tag != nullptr ? tag : "";
}

std::vector<Notice> Result::notices() const {
  std::vector<Notice> notices;
  if (!data_) return notices;
  for (const detail::NoticeFields& fields : data_->notices) {
    notices.push_back({.severity = std::string(fields.severity),
                       .sqlstate = SqlState(fields.sqlstate),
                       .message = std::string(fields.message),
                       .detail = std::string(fields.detail),
                       .hint = std::string(fields.hint),
                       .context = std::string(fields.context)});
  }
  return notices;
}

namespace pq {

namespace {

/// Copies the notices into the memory of the PGresult.
[[gnu::cold, gnu::noinline]] std::span<const detail::NoticeFields> keep_in(
    PGresult* raw, const std::vector<Notice>& notices) {
  const auto room_for = [raw](std::size_t bytes) {
    void* const room = PQresultAlloc(raw, bytes);
    if (room == nullptr) throw std::bad_alloc();
    return room;
  };
  const auto kept = [&](std::string_view text) -> std::string_view {
    if (text.empty()) return {};
    char* const room = static_cast<char*>(room_for(text.size()));
    std::ranges::copy(text, room);
    return {room, text.size()};
  };
  auto* const fields =
      static_cast<detail::NoticeFields*>(room_for(notices.size() * sizeof(detail::NoticeFields)));
  for (std::size_t i = 0; i < notices.size(); ++i) {
    const Notice& notice = notices[i];
    std::construct_at(fields + i, detail::NoticeFields{.severity = kept(notice.severity),
                                                       .sqlstate = kept(notice.sqlstate.text()),
                                                       .message = kept(notice.message),
                                                       .detail = kept(notice.detail),
                                                       .hint = kept(notice.hint),
                                                       .context = kept(notice.context)});
  }
  return {fields, notices.size()};
}

}  // namespace

Result ResultAccess::make(ResultPtr owned, detail::Effect effect, Notices* notices) {
  using detail::Column;
  using detail::ResultData;
  static_assert(std::is_trivially_destructible_v<ResultData> && alignof(ResultData) >= alignof(Column));
  PGresult* const raw = owned.get();
  const int count = PQnfields(raw);
  // Freed with the PGresult: no allocation for most.
  void* const room =
      PQresultAlloc(raw, sizeof(ResultData) + static_cast<std::size_t>(count) * sizeof(Column));
  if (room == nullptr) throw std::bad_alloc();
  auto* const data = std::construct_at(static_cast<ResultData*>(room));
  auto* const columns = reinterpret_cast<Column*>(data + 1);
  for (int i = 0; i < count; ++i)
    std::construct_at(columns + i, Column{.name = PQfname(raw, i), .type = PQftype(raw, i)});
  data->rows = static_cast<std::size_t>(PQntuples(raw));
  data->columns = {columns, static_cast<std::size_t>(count)};
  data->effect = effect;
  if (notices != nullptr && notices->pending()) [[unlikely]]
    data->notices = keep_in(raw, notices->take());
  data->raw = owned.release();
  return Result(data);
}

const PGresult* ResultAccess::raw(const Result& result) noexcept {
  return result.data_ ? result.data_->raw : nullptr;
}

detail::Effect ResultAccess::effect(const Result& result) noexcept {
  return result.data_ ? result.data_->effect : detail::Effect::none;
}

}  // namespace pq
}  // namespace copg
