// A page that shows the pools of this process live. Link copg::monitor, a library of its own.
//
// ```cpp
// #include <copg/monitor.hpp>
//
//     copg::Monitor monitor{{.port = 8080}};
//     monitor.add(db);
// ```
#pragma once

#include <copg/pool_options.hpp>
#include <copg/pool_view.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#pragma GCC visibility push(default)
namespace copg {

namespace monitor {
class Server;
}  // namespace monitor

struct MonitorOptions {
  /// Where it listens; 0: any port that is free, which Monitor::port tells; not set: on the Unix socket
  /// alone.
  std::optional<std::uint16_t> port = 0;
  /// A numeric address of this machine. Any but those of loopback (127.0.0.1, ::1) needs a `token`.
  std::string address = "127.0.0.1";
  /// What each request must have, in a header (Authorization: Bearer), in the URL (?token=), or in the cookie
  /// that the page then gets; empty: nothing. At least 16 letters, digits, or any of - . _ ~
  std::string token{};
  /// False: no text of a statement is shown, and of the errors of statements no more than their SQLSTATE.
  bool show_texts = true;
  /// Whether it also listens on a Unix socket, by which `copg top` finds it: for programs of the same user
  /// alone, and without the token.
  bool unix_socket = true;
  /// What the page calls the program; empty: the name of its executable.
  std::string program{};
  /// A lease on which nothing has run for so long is marked. At least 0.
  Seconds held_idle_after{1};
  /// A pool whose connections are all leased is not healthy once a caller has waited for so long. At least 0.
  Seconds unhealthy_wait{5};
};

/// An HTTP server, on a thread of its own, that shows pools: a page, its data (/stats.json, /events), what
/// Prometheus reads (/metrics), and whether the pools serve requests (/health). It needs nobody's lock: it
/// answers while threads wait for connections, or are stopped in a debugger.
///
/// It does not keep its pools open. A closed pool is shown as closed, and one that is destroyed is no longer
/// shown. Each pool costs some 400 KB. Thread-safe, except for destruction. A forked child has no monitor:
/// there the object does nothing.
class Monitor {
 public:
  /// Starts to listen. ConfigurationError for options that can't be, an address without a token among them,
  /// and for a port that is in use. If there is a port, no error of the Unix socket is one: `socket_path` is
  /// then empty.
  explicit Monitor(const MonitorOptions& options = {});
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  /// Calls `close`.
  ~Monitor();

  /// Shows this pool, a PooledDatabase or an AsyncPooledDatabase, too. Twice the same is once.
  template <class Pool>
  void add(const Pool& pool) {
    add(pool.view());
  }
  void add(const PoolView& pool);

  /// The port that it listens on; 0: none.
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// "http://127.0.0.1:8080/", without the token; empty: it listens on no port.
  [[nodiscard]] const std::string& url() const noexcept;
  /// The file of the Unix socket; empty: there is none.
  [[nodiscard]] const std::string& socket_path() const noexcept;

  /// Ends it. Blocks until its thread has ended, which takes no longer than one answer. Idempotent.
  void close() noexcept;

 private:
  const std::shared_ptr<monitor::Server> server_;
};

}  // namespace copg
#pragma GCC visibility pop
