// How a transaction begins and ends.
#pragma once

#include <cstdint>
#include <optional>

namespace copg::pq {

struct LocalSettings;

/// What travels in front of a transaction's first statement, in the same flush. pq::OwnBeginning has one with
/// options.
struct Beginning {
  const char* command = "BEGIN";            ///< The SQL that begins it.
  bool read_only = false;                   ///< The caller wants no write.
  const LocalSettings* settings = nullptr;  ///< What is set behind `command`; null: nothing.
  std::optional<bool> resolve_commit{};     ///< If COMMIT's answer is lost; not given: as the pool has it.
};

/// Whether a transaction begins in front of a statement, and with what.
class BeginFirst {
 public:
  static const BeginFirst no;   ///< None begins.
  static const BeginFirst yes;  ///< With BEGIN alone.
  /// `with` must outlive the operation.
  constexpr explicit BeginFirst(const Beginning* with) noexcept : with_(with) {}

  constexpr explicit operator bool() const noexcept { return with_ != nullptr; }
  constexpr const Beginning* operator->() const noexcept { return with_; }
  constexpr const Beginning& operator*() const noexcept { return *with_; }
  friend constexpr bool operator==(BeginFirst, BeginFirst) = default;

 private:
  const Beginning* with_;
};

inline constexpr Beginning plain_beginning{};
inline constexpr BeginFirst BeginFirst::no{nullptr};
inline constexpr BeginFirst BeginFirst::yes{&plain_beginning};

enum class TransactionCommand : std::uint8_t { commit, rollback };

}  // namespace copg::pq
