// See postgres_installation.hpp.
#include "testing/postgres_installation.hpp"

#include <pwd.h>
#include <unistd.h>
#include <copg/testing/postgres_not_found.hpp>

#include <array>
#include <charconv>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace copg::testing {
namespace {

namespace fs = std::filesystem;

bool has_programs(const fs::path& folder) {
  return ::access((folder / "initdb").c_str(), X_OK) == 0 &&
         ::access((folder / "postgres").c_str(), X_OK) == 0;
}

/// 15 for "15" and "pgsql-15"; -1 when there is no number at the end.
int version_at_end_of(const std::string& name) {
  const auto start = name.find_last_not_of("0123456789") + 1;  // npos + 1 is 0
  int version = -1;
  std::from_chars(name.data() + start, name.data() + name.size(), version);
  return version;
}

std::optional<fs::path> newest_below(const fs::path& parent, std::string_view prefix) {
  std::optional<fs::path> best;
  int best_version = -1;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    const std::string name = entry.path().filename().string();
    const int version = version_at_end_of(name);
    if (!name.starts_with(prefix) || version <= best_version || !has_programs(entry.path() / "bin")) continue;
    best = entry.path() / "bin";
    best_version = version;
  }
  return best;
}

}  // namespace

fs::path find_postgres_programs() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty() && has_programs(folder)) return folder;
  }
  if (auto found = newest_below("/usr/lib/postgresql", "")) return *found;
  if (auto found = newest_below("/usr", "pgsql-")) return *found;
  if (has_programs("/usr/local/pgsql/bin")) return "/usr/local/pgsql/bin";
  throw PostgresNotFound(
      "found no PostgreSQL server (initdb, postgres) on PATH or in /usr/lib/postgresql/*/bin; install it "
      "with "
      "`apt-get install postgresql` (Debian, Ubuntu) or `dnf install postgresql-server` (Fedora)");
}

std::optional<SystemUser> user_for_server() {
  if (::geteuid() != 0) return std::nullopt;
  for (const char* name : {"postgres", "nobody"}) {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4096> buffer{};
    if (::getpwnam_r(name, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
      return SystemUser{.uid = entry.pw_uid, .gid = entry.pw_gid};
    }
  }
  throw std::runtime_error("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`");
}

}  // namespace copg::testing
