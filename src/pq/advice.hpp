// What a person who gets an error can do about it, where the server does not say so: which placeholder it
// means, what to write for what SQL has no parameter for. Reads SQLSTATEs, positions and SQL, never the
// server's language.
#pragma once

#include <copg/error.hpp>

#include <string>

namespace copg::pq {

/// How a language writes what advice speaks of. These are the words of C++.
class Wording {
 public:
  Wording() = default;
  Wording(const Wording&) = delete;
  Wording& operator=(const Wording&) = delete;
  virtual ~Wording() = default;
  /// $`number` as the user wrote it.
  [[nodiscard]] virtual std::string written(int number) const;
  /// Which of them it is, where the way it is written does not tell.
  [[nodiscard]] virtual std::string which(int number) const { return written(number); }
  [[nodiscard]] virtual std::string list() const;
  [[nodiscard]] virtual std::string on_copy() const;
  /// A text with $n is not given as many parameters.
  [[nodiscard]] virtual std::string on_wrong_number() const { return {}; }
  /// A text has a placeholder as Python's.
  [[nodiscard]] virtual std::string on_percent() const;
};

/// In whole sentences; empty if there is nothing to say. `info.query` is the text as it was sent.
[[nodiscard, gnu::cold]] std::string advice_on(const ErrorInfo& info, const Wording& words);

/// The number of the placeholder that the error is about; 0: none is known.
[[nodiscard, gnu::cold]] int subject_of(const ErrorInfo& info);

/// Fills in `advice`, in the words of C++.
[[gnu::cold]] void advise(ErrorInfo& info);

}  // namespace copg::pq
