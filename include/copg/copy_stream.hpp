// The two ends of COPY: where the data comes from, and where it goes.
#pragma once

#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// Gives the data of COPY ... FROM STDIN, piece by piece, in the format that the statement asks for.
class CopySource {
 public:
  CopySource() = default;
  CopySource(const CopySource&) = delete;
  CopySource& operator=(const CopySource&) = delete;
  virtual ~CopySource() = default;

  /// Returns the next piece, of any size, cut anywhere, and valid until the next call; an empty piece is the
  /// end. An exception ends the COPY, which then has no effect, and reaches the caller.
  virtual std::string_view next() = 0;
};

/// Takes the data of COPY ... TO STDOUT.
class CopySink {
 public:
  CopySink() = default;
  CopySink(const CopySink&) = delete;
  CopySink& operator=(const CopySink&) = delete;
  virtual ~CopySink() = default;

  /// Takes one piece, which is valid during the call; in text and CSV format it is a row with its newline. An
  /// exception ends the COPY and reaches the caller; what the COPY's query has written may stay.
  virtual void take(std::string_view piece) = 0;
};

}  // namespace copg
#pragma GCC visibility pop
