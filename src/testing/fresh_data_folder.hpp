// The data folder of a server that has never run: initdb once, a copy each time after that.
#pragma once

#include <filesystem>
#include <optional>

#include "testing/child_process.hpp"

namespace copg::testing {

/// Makes `data` (which must not exist) such a folder, owned by `user`: superuser `postgres`, UTF-8, locale
/// C.UTF-8, no passwords. initdb (0.7 s) runs once per process, or once at all when the environment variable
/// COPG_POSTGRES_TEMPLATE names a folder to keep its work in; a copy takes 0.1 s. Thread-safe.
/// Throws std::runtime_error with initdb's words.
void fill_data_folder(const std::filesystem::path& data, const std::filesystem::path& programs,
                      const std::optional<SystemUser>& user);

/// chown; nothing without a user.
void give_to(const std::filesystem::path& path, const std::optional<SystemUser>& user);

}  // namespace copg::testing
