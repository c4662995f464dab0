// A server's side of the wire, played from a recording of a real one: cut off at any byte, or one byte at a
// time.
#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace copg::test {

/// What the server said after so many bytes of the other side.
struct Turn {
  std::size_t heard = 0;  ///< Bytes from the other side since the turn before.
  std::string said;
};
using Transcript = std::vector<Turn>;

[[nodiscard]] std::size_t bytes_said(const Transcript& transcript);

/// A fresh folder with a socket as libpq looks for it: host=folder(), port=port().
class SocketFolder {
 public:
  SocketFolder();
  SocketFolder(const SocketFolder&) = delete;
  SocketFolder& operator=(const SocketFolder&) = delete;
  ~SocketFolder();

  [[nodiscard]] std::string host() const { return folder_.string(); }
  [[nodiscard]] static std::string port() { return "5432"; }
  [[nodiscard]] int listener() const noexcept { return listener_; }

 private:
  std::filesystem::path folder_;
  int listener_ = -1;
};

/// Lets `talk` talk to the real server at `socket_path` through a folder of its own, and notes what was said.
/// One connection.
[[nodiscard]] Transcript record(const std::filesystem::path& socket_path,
                                const std::function<void(const SocketFolder&)>& talk);

/// Plays a transcript to the first that connects, then closes once the other side has.
class ScriptedServer {
 public:
  static constexpr std::size_t no_cut = std::numeric_limits<std::size_t>::max();
  enum class Pace : std::uint8_t { whole, byte_by_byte };

  /// Closes the connection after `cut_after` bytes.
  ScriptedServer(const SocketFolder& folder, const Transcript& transcript, std::size_t cut_after, Pace pace);
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  /// Whoever is connected must be gone.
  ~ScriptedServer();

 private:
  void serve();
  bool hear(int fd, std::size_t size) const;
  bool say(int fd, const std::string& bytes);

  const SocketFolder& folder_;
  const Transcript& transcript_;
  std::size_t left_;
  Pace pace_;
  std::thread thread_;
};

}  // namespace copg::test
