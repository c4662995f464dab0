// What a histogram says of its durations. `record` is in the header.
#include <copg/histogram.hpp>

#include <cmath>
#include <numeric>

namespace copg {

std::uint64_t Histogram::count() const noexcept {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

Histogram::Duration Histogram::mean() const noexcept {
  const std::uint64_t all = count();
  return all == 0 ? Duration::zero() : Duration(sum_ / static_cast<std::int64_t>(all));
}

/// The middle of the bucket is at most half a bucket away.
Histogram::Duration Histogram::quantile(double q) const noexcept {
  const std::uint64_t all = count();
  if (all == 0) return Duration::zero();
  const double part = q > 0 ? std::min(q, 1.0) : 0.0;
  const auto rank =
      std::max(std::uint64_t{1}, static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(all))));
  std::uint64_t seen = 0;
  std::size_t place = 0;
  while (place < size - 1 && (seen += counts_[place]) < rank) ++place;
  if (place == 0) return Duration::zero();
  return Duration(static_cast<std::int64_t>((begin_of(place) + begin_of(place + 1)) / 2));
}

std::uint64_t Histogram::shorter_than(Duration limit) const noexcept {
  std::uint64_t shorter = 0;
  for (std::size_t place = 0; place < size && bucket(place).end <= limit; ++place) shorter += counts_[place];
  return shorter;
}

Histogram::Bucket Histogram::bucket(std::size_t index) const noexcept {
  const bool last = index == size - 1;
  return {last ? Duration::max() : Duration(static_cast<std::int64_t>(begin_of(index + 1))), counts_[index]};
}

Histogram& Histogram::operator+=(const Histogram& other) noexcept {
  for (std::size_t place = 0; place < size; ++place) counts_[place] += other.counts_[place];
  sum_ += other.sum_;
  return *this;
}

Histogram Histogram::since(const Histogram& earlier) const noexcept {
  Histogram difference = *this;
  for (std::size_t place = 0; place < size; ++place) difference.counts_[place] -= earlier.counts_[place];
  difference.sum_ -= earlier.sum_;
  return difference;
}

}  // namespace copg
