// Request: what it was made of, copied into the block behind it, the parts with the strictest alignment
// first.
#include <copg/detail/request.hpp>

#include <algorithm>
#include <numeric>

namespace copg::detail {

namespace {

constexpr std::size_t per_param = sizeof(const char*) + sizeof(Oid) + 2 * sizeof(int);

}  // namespace

std::size_t Request::bytes_for(const Sql& sql, const Params& params) {
  const auto count = static_cast<std::size_t>(params.size());
  const auto text =
      std::accumulate(params.lengths(), params.lengths() + count, count,  // each with a NUL behind it
                      [](std::size_t sum, int length) { return sum + static_cast<std::size_t>(length); });
  return sizeof(Request) + count * per_param + text + sql.text().size();
}

std::unique_ptr<Request> Request::make(const Sql& sql, const Params& params) {
  return std::unique_ptr<Request>(new (bytes_for(sql, params)) Request(sql, params));
}

Request::Request(const Sql& sql, const Params& params)
    : where_(sql.where()), size_(params.size()), sql_size_(sql.text().size()) {
  void* next = this + 1;
  const auto place = [&]<class T>(T*& part, const T* from) {
    part = static_cast<T*>(next);
    next = std::copy_n(from, size_, part);
  };
  values_ = static_cast<const char**>(next);
  next = values_ + size_;
  place(types_, params.types());
  place(lengths_, params.lengths());
  place(formats_, params.formats());
  char* text = static_cast<char*>(next);
  const char* const* const from = params.values();
  for (int i = 0; i < size_; ++i) {
    values_[i] = from[i] == nullptr ? nullptr : text;
    if (from[i] != nullptr) text = std::copy_n(from[i], lengths_[i] + 1, text);
  }
  sql_ = text;
  std::copy_n(sql.text().data(), sql_size_, text);
}

}  // namespace copg::detail
