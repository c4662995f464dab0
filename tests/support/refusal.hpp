// What tests ask of a refusal: the message of an error, and that no text brings anything but one.
#pragma once

#include <gtest/gtest.h>

#include <exception>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace copg::test {

/// The message of the E that `call` throws, or a failure.
template <class E, class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another exception: " << error.what();
    return {};
  }
  ADD_FAILURE() << "no exception";
  return {};
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// Texts that are nearly what a reader expects: random bytes, and pieces of `seeds` cut, mixed and mutated.
/// What `read` throws must be an E; anything else ends the test. The seed is printed by a failure.
template <class E, class Read>
void never_crashes(const std::vector<std::string>& seeds, Read&& read, unsigned seed = 20240607,
                   int rounds = 5'000) {
  std::mt19937 random(seed);
  const auto below = [&random](std::size_t n) { return n == 0 ? 0 : random() % n; };
  for (int round = 0; round < rounds; ++round) {
    std::string text;
    for (std::size_t parts = 1 + below(3); parts > 0; --parts) {
      const std::string& from = seeds[below(seeds.size())];
      const std::size_t begin = below(3) == 0 ? below(from.size() + 1) : 0;
      text += from.substr(begin, below(2) == 0 ? std::string::npos : below(from.size() + 1));
    }
    for (std::size_t changes = below(4); changes > 0; --changes) {
      const char c = static_cast<char>(below(2) == 0 ? random() : ' ' + below(95));
      const std::size_t at = below(text.size() + 1);
      if (at < text.size() && below(2) == 0) {
        text[at] = c;
      } else {
        text.insert(text.begin() + static_cast<std::ptrdiff_t>(at), c);
      }
    }
    try {
      // In a block of its own size, so that a sanitizer sees a byte read beyond it.
      const std::vector<char> exact(text.begin(), text.end());
      read(std::string_view(exact.data(), exact.size()));
    } catch (const E&) {
      continue;
    } catch (const std::exception& error) {
      FAIL() << "seed " << seed << ", round " << round << ": " << error.what() << "\n" << text;
    }
  }
}

}  // namespace copg::test
