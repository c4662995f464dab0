// How operations send what begins a transaction, and take the answers.
#pragma once

#include <libpq-fe.h>

#include "pq/beginning.hpp"
#include "pq/connection.hpp"
#include "pq/transaction_command.hpp"

namespace copg::pq {

/// Puts the command and the settings into libpq, in pipeline mode; each is answered. False if libpq refused
/// it: the connection is gone.
[[nodiscard]] bool put_beginning(Connection& connection, const Beginning& beginning) noexcept;
/// The settings alone, as one statement.
[[nodiscard]] bool put_settings(Connection& connection, const LocalSettings& settings) noexcept;
/// Takes the answer to the settings.
void note_settings(Connection& connection, const LocalSettings& settings, const PGresult* result) noexcept;
/// Whether names may mean something else behind it.
[[nodiscard]] inline bool changes_names(BeginFirst begin) noexcept {
  return begin && begin->settings != nullptr && begin->settings->changes_names;
}

}  // namespace copg::pq
