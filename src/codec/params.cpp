// Params: keeps what was encoded as offsets, since the buffer moves when it grows.
#include <copg/params.hpp>

#include <fmt/format.h>

#include <numeric>

#include "codec/message_limit.hpp"

namespace copg {

void Params::append(std::size_t begin, Oid type, bool binary) {
  if (size() == max_size) {
    throw UsageError(
        fmt::format("a statement takes at most {} parameters; send an array in place of a list", max_size));
  }
  std::size_t length = 0;
  if (begin != null_value) {
    length = text_.size() - begin;
    // More than `all` may have been written: values that could not be sent.
    const auto all = [this, length] { return std::accumulate(lengths_.begin(), lengths_.end(), length); };
    if (text_.size() > detail::most_message_bytes && all() > detail::most_message_bytes) {
      throw DataError(
          fmt::format("parameter ${} has {} bytes, and all up to it {}; PostgreSQL takes less than 1 GiB",
                      size() + 1, length, all()));
    }
    text_.push_back('\0');  // libpq measures text with strlen
  }
  // All or nothing: what may throw comes first.
  const std::size_t count = types_.size() + 1;
  if (count > types_.capacity()) {
    const std::size_t room = 2 * count;
    offsets_.reserve(room);
    lengths_.reserve(room);
    formats_.reserve(room);
    types_.reserve(room);
  }
  offsets_.push_back(begin);
  lengths_.push_back(static_cast<int>(length));
  formats_.push_back(binary ? 1 : 0);
  types_.push_back(type);
}

void Params::clear() noexcept {
  text_.clear();
  offsets_.clear();
  lengths_.clear();
  formats_.clear();
  types_.clear();
}

const char* const* Params::values() const {
  values_.clear();
  for (const std::size_t offset : offsets_)
    values_.push_back(offset == null_value ? nullptr : text_.data() + offset);
  return values_.data();
}

}  // namespace copg
