// See monitor_address.hpp.
#include "monitor_address.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace copg::tools {
namespace {

namespace fs = std::filesystem;

constexpr mode_t writable_by_others = S_IWGRP | S_IWOTH;

/// Why this user can't trust what is there; empty: it can.
std::string distrust(const std::string& path, mode_t kind) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return "it is gone";
  if ((found.st_mode & S_IFMT) != kind) return kind == S_IFDIR ? "it is no folder" : "it is no socket";
  if (found.st_uid != ::geteuid()) return "it belongs to another user";
  if ((found.st_mode & writable_by_others) != 0) return "other users can write to it";
  return {};
}

bool exists(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

MonitorAddress address_of_socket(std::string path) {
  std::string shown = path;
  return {.socket = std::move(path), .shown = std::move(shown)};
}

}  // namespace

MonitorAddress read_address(std::string_view text) {
  if (text.find("://") == std::string_view::npos) {
    if (text.find('/') == std::string_view::npos)
      throw std::invalid_argument(
          fmt::format("{}: expected http://HOST:PORT, or the path of a monitor's socket", text));
    return address_of_socket(std::string(text));
  }
  if (text.starts_with("postgres")) throw std::invalid_argument("a server is named by --database URL");
  const auto url = boost::urls::parse_uri(text);
  if (!url || url->host().empty()) throw std::invalid_argument("the address of the monitor is not a URL");
  if (url->scheme() != "http")
    throw std::invalid_argument(
        fmt::format("a monitor is asked by http, not by {}", std::string(url->scheme())));
  MonitorAddress address{.host = url->host_address(), .port = std::string(url->port())};
  if (address.port.empty()) address.port = "80";
  for (const auto& parameter : url->params())
    if (parameter.key == "token") address.token = parameter.value;
  address.shown = fmt::format("http://{}", std::string(url->encoded_host_and_port()));
  return address;
}

std::vector<std::string> socket_folders() {
  std::vector<std::string> folders;
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"); runtime != nullptr && *runtime == '/')
    folders.push_back(std::string(runtime) + "/copg");
  folders.push_back(fmt::format("/tmp/copg-{}", ::geteuid()));
  return folders;
}

std::vector<MonitorAddress> find_sockets(const std::vector<std::string>& folders,
                                         std::vector<std::string>& refused) {
  std::vector<MonitorAddress> found;
  for (const std::string& folder : folders) {
    if (!exists(folder)) continue;
    if (const std::string reason = distrust(folder, S_IFDIR); !reason.empty()) {
      refused.push_back(fmt::format("{}: {}", folder, reason));
      continue;
    }
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().extension() != ".sock") continue;
      if (const std::string reason = distrust(entry.path().string(), S_IFSOCK); reason.empty()) {
        found.push_back(address_of_socket(entry.path().string()));
      } else {
        refused.push_back(fmt::format("{}: {}", entry.path().string(), reason));
      }
    }
    if (error) refused.push_back(fmt::format("{}: {}", folder, error.message()));
  }
  std::sort(found.begin(), found.end(),
            [](const MonitorAddress& a, const MonitorAddress& b) { return a.socket < b.socket; });
  return found;
}

}  // namespace copg::tools
