// The options of a transaction as what is sent for them: the text of BEGIN, and one statement that sets the
// settings and the role until the transaction ends, with names and values as its parameters.
#pragma once

#include <copg/params.hpp>
#include <copg/transaction_options.hpp>

#include <optional>
#include <string>
#include <string_view>

#include "pq/transaction_command.hpp"

namespace copg::pq {

struct LocalSettings {
  std::string sql{};           ///< Empty: there are none.
  Params params{};             ///< Names and values in turn.
  bool changes_names = false;  ///< The search path or the role is among them: names mean something else.
};

/// Adds a setting; without a value, what its default is. Throws UsageError for a NUL.
void add_setting(LocalSettings& settings, std::string_view name, std::optional<std::string_view> value);
/// Throws UsageError for a setting without a name, and for a NUL.
[[nodiscard]] LocalSettings local_settings(const TransactionOptions& options);

/// A Beginning and what it refers to.
class OwnBeginning {
 public:
  /// Throws as local_settings, and for an isolation that is none of the four.
  explicit OwnBeginning(const TransactionOptions& options);
  OwnBeginning(const OwnBeginning&) = delete;
  OwnBeginning& operator=(const OwnBeginning&) = delete;

  [[nodiscard]] const Beginning& beginning() const noexcept { return beginning_; }

 private:
  const std::string command_;
  const LocalSettings settings_;
  const Beginning beginning_;
};

}  // namespace copg::pq
