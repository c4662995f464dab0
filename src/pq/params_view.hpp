// The parameters of one statement, as libpq takes them: parallel arrays that another object owns.
#pragma once

#include <copg/params.hpp>

#include <span>

namespace copg::pq {

class ParamsView {
 public:
  /// None.
  ParamsView() = default;
  /// `owner`: Params, or another class with its getters; it must outlive this.
  template <class Owner>
  ParamsView(const Owner& owner)  // NOLINT(google-explicit-constructor): a view of the same parameters
      : size_(owner.size()),
        values_(owner.values()),
        lengths_(owner.lengths()),
        formats_(owner.formats()),
        types_(owner.types()) {}
  template <class Owner>
  ParamsView(const Owner&&) = delete;

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] const char* const* values() const noexcept { return values_; }
  [[nodiscard]] const int* lengths() const noexcept { return lengths_; }
  [[nodiscard]] const int* formats() const noexcept { return formats_; }
  [[nodiscard]] std::span<const Oid> types() const noexcept {
    return {types_, static_cast<std::size_t>(size_)};
  }

 private:
  int size_ = 0;
  const char* const* values_ = nullptr;
  const int* lengths_ = nullptr;
  const int* formats_ = nullptr;
  const Oid* types_ = nullptr;
};

}  // namespace copg::pq
