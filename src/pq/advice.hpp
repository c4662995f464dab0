// Advice for a person on an error that the server does not explain: which placeholder it is about, or what to
// write where SQL takes no parameter. It reads SQLSTATEs, positions and SQL, never the server's messages,
// which may be in any language.
#pragma once

#include <copg/error.hpp>

#include <string>

namespace copg::pq {

/// How advice names things in the user's language. These are the words for C++.
class Wording {
 public:
  Wording() = default;
  Wording(const Wording&) = delete;
  Wording& operator=(const Wording&) = delete;
  virtual ~Wording() = default;
  /// $`number` as the user wrote it.
  [[nodiscard]] virtual std::string written(int number) const;
  /// Tells placeholders apart that are written alike.
  [[nodiscard]] virtual std::string which(int number) const { return written(number); }
  [[nodiscard]] virtual std::string list() const;
  [[nodiscard]] virtual std::string on_copy() const;
  /// For a text with $n and another number of parameters.
  [[nodiscard]] virtual std::string on_wrong_number() const { return {}; }
  /// For a text with a placeholder of Python's style.
  [[nodiscard]] virtual std::string on_percent() const;
};

/// In whole sentences; empty if there is nothing to say. `info.query` is the text as it was sent.
[[nodiscard, gnu::cold]] std::string advice_on(const ErrorInfo& info, const Wording& words);

/// The number of the placeholder that the error is about; 0: none is known.
[[nodiscard, gnu::cold]] int subject_of(const ErrorInfo& info);

/// Fills in `advice`, in the words of C++.
[[gnu::cold]] void advise(ErrorInfo& info);

}  // namespace copg::pq
