// Values behind each other, and where each begins.
#include "pq/kept_rows.hpp"

#include <algorithm>

namespace copg::pq {
namespace {

constexpr std::size_t null_value = static_cast<std::size_t>(-1);

}  // namespace

bool types_fit(std::span<const Oid> parsed, std::span<const Oid> given) noexcept {
  return std::ranges::equal(parsed, given,
                            [](Oid one, Oid other) { return one == other || one == 0 || other == 0; });
}

void KeptRows::add(const Params& row) {
  const std::span<const Oid> types(row.types(), parameters_);
  if (alike_.empty() || !types_fit(alike_.back().types, types))
    alike_.push_back({.first = size(), .types = {types.begin(), types.end()}});
  for (std::size_t i = 0; i < parameters_; ++i) {
    const char* const value = row.values()[i];
    const auto length = static_cast<std::size_t>(row.lengths()[i]);
    begins_.push_back(value == nullptr ? null_value : text_.size());
    if (value != nullptr) text_.insert(text_.end(), value, value + length + 1);
  }
  lengths_.insert(lengths_.end(), row.lengths(), row.lengths() + parameters_);
  formats_.insert(formats_.end(), row.formats(), row.formats() + parameters_);
}

void KeptRows::clear() noexcept {
  text_.clear();
  begins_.clear();
  lengths_.clear();
  formats_.clear();
  alike_.clear();
}

std::size_t KeptRows::bytes() const noexcept {
  return text_.size() + lengths_.size() * (sizeof(std::size_t) + 2 * sizeof(int));
}

const KeptRows::Alike& KeptRows::alike_of(std::size_t row) const noexcept {
  return *std::prev(std::ranges::upper_bound(alike_, row, {}, &Alike::first));
}

std::size_t KeptRows::alike_from(std::size_t first) const noexcept {
  if (first >= size()) return 0;
  const auto next = std::ranges::upper_bound(alike_, first, {}, &Alike::first);
  return (next == alike_.end() ? size() : next->first) - first;
}

std::span<const Oid> KeptRows::types_of(std::size_t row) const noexcept { return alike_of(row).types; }

KeptRows::Values KeptRows::values(std::size_t first, std::size_t count) {
  const std::size_t begin = first * parameters_;
  pointers_.resize(count * parameters_);
  for (std::size_t i = 0; i < pointers_.size(); ++i) {
    const std::size_t at = begins_[begin + i];
    pointers_[i] = at == null_value ? nullptr : text_.data() + at;
  }
  return {.size = static_cast<int>(pointers_.size()),
          .values = pointers_.data(),
          .lengths = lengths_.data() + begin,
          .formats = formats_.data() + begin};
}

std::size_t KeptRows::bytes_of(std::size_t first, std::size_t count) const noexcept {
  std::size_t bytes = 0;
  for (std::size_t i = first * parameters_; i < (first + count) * parameters_; ++i)
    bytes += static_cast<std::size_t>(lengths_[i]);
  return bytes;
}

}  // namespace copg::pq
