// What a write leaves behind, so that a read on another server can see it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// A position in the log of a primary: who has replayed so far, has the write. A value. As text it may travel
/// with a user from one process of a program to another, in a cookie or a header; who makes one up can make
/// reads wait for their deadline, but see nothing else.
struct WriteToken {
  std::uint64_t system = 0;    ///< The system identifier of the servers.
  std::uint32_t timeline = 0;  ///< Which the primary wrote on; at least 1.
  std::uint64_t position = 0;  ///< In bytes, as pg_lsn.

  /// "7301234567890123456/1/0/16B3748": the system, the timeline, and the position as PostgreSQL writes it.
  [[nodiscard]] std::string to_string() const;
  /// Throws UsageError if that is not what `to_string` writes.
  static WriteToken from_string(std::string_view text);

  friend bool operator==(const WriteToken&, const WriteToken&) = default;
};

/// The one that was written later; of two systems, `second`.
[[nodiscard]] WriteToken later_of(const WriteToken& first, const WriteToken& second) noexcept;

}  // namespace copg
#pragma GCC visibility pop
