// See fresh_data_folder.hpp.
#include "testing/fresh_data_folder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include "testing/watched_folder.hpp"

namespace copg::testing {
namespace {

namespace fs = std::filesystem;

/// Small WAL segments: an empty one of the usual 16 MB is nearly half of what there would be to copy.
void initdb(const fs::path& folder, const fs::path& programs, const std::optional<SystemUser>& user) {
  run({.arguments = {programs / "initdb", "--no-sync", "--auth=trust", "--username=postgres",
                     "--encoding=UTF8", "--locale=C.UTF-8", "--wal-segsize=1", "--pgdata", folder / "data"},
       .environment = {{"LC_ALL", "C"}},
       .dropped_environment = {"PG", "LC_", "LANG"},
       .working_folder = folder,
       .output = folder / "log",
       .user = user});
}

/// Another version of PostgreSQL, or the same one rebuilt, needs another template.
std::string name_for(const fs::path& programs) {
  std::string name = programs.string();
  std::replace(name.begin(), name.end(), '/', '_');
  return fmt::format("{}-wal1-{}", name,
                     fs::last_write_time(programs / "postgres").time_since_epoch().count());
}

/// Several processes may come here at once: each makes its own, and the first rename wins.
fs::path kept_template(const fs::path& parent, const fs::path& programs,
                       const std::optional<SystemUser>& user) {
  fs::path kept = parent / name_for(programs);
  if (fs::exists(kept)) return kept;
  const WatchedFolder work(user);
  initdb(work.path(), programs, user);
  fs::create_directories(parent);
  const fs::path mine = fmt::format("{}.{}", kept.string(), ::getpid());
  fs::copy(work.path() / "data", mine, fs::copy_options::recursive);
  std::error_code lost;
  fs::rename(mine, kept, lost);
  if (lost) fs::remove_all(mine);
  return kept;
}

fs::path template_folder(const fs::path& programs, const std::optional<SystemUser>& user) {
  const char* parent = std::getenv("COPG_POSTGRES_TEMPLATE");
  if (parent != nullptr && *parent != '\0') return kept_template(parent, programs, user);
  static const WatchedFolder work(user);
  static const bool made = (initdb(work.path(), programs, user), true);
  return made ? work.path() / "data" : fs::path();
}

}  // namespace

void fill_data_folder(const fs::path& data, const fs::path& programs, const std::optional<SystemUser>& user) {
  fs::copy(template_folder(programs, user), data, fs::copy_options::recursive);
  give_to(data, user);
  for (const auto& entry : fs::recursive_directory_iterator(data)) give_to(entry.path(), user);
}

void give_to(const fs::path& path, const std::optional<SystemUser>& user) {
  if (user && ::lchown(path.c_str(), user->uid, user->gid) != 0) {
    throw std::system_error(errno, std::generic_category(), "chown " + path.string());
  }
}

}  // namespace copg::testing
