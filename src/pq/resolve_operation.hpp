// Resolves the host names of a connect outside libpq, which would block. Numeric addresses, socket folders
// and hosts with a given hostaddr need no resolving and no thread. Names go to getaddrinfo on a thread of
// Workers, which touches only the state that it shares with this operation.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pq/connect_settings.hpp"
#include "pq/operation.hpp"

namespace copg::pq {

/// One place to connect to.
struct Host {
  /// Host name or socket folder, for TLS, .pgpass and messages. Empty: libpq's default socket.
  std::string name;
  std::string address;  ///< Numeric address. Empty for a socket.
  std::string port;     ///< Empty: libpq's default.
  friend bool operator==(const Host&, const Host&) = default;
};

/// The host, hostaddr and port lists as libpq takes them; empty strings where the user gave none.
struct HostLists {
  std::string host;
  std::string hostaddr;
  std::string port;
};

class ResolveOperation final : public Operation {
 public:
  explicit ResolveOperation(HostLists lists);
  /// May come half-way: the worker finishes by itself, and its answer is dropped.
  ~ResolveOperation() override;

  Step advance(Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override { return "resolving host names"; }

  /// After `done` without an error: each address of each host, in order. Empty if the lists do not match
  /// (their lengths differ), for which libpq has the error message.
  [[nodiscard]] std::vector<Host> take_hosts() { return std::move(hosts_); }
  /// After `done` with an error: transient if the name server did not answer, configuration if it denied the
  /// name.
  [[nodiscard]] ConnectFailureKind failure() const noexcept { return failure_; }

 private:
  struct Shared;

  /// False if libpq must say what is wrong with the lists.
  bool split();
  static bool must_resolve(const Host& host);
  Step start_worker();
  Step take_answers();

  HostLists lists_;
  std::vector<Host> hosts_;
  std::shared_ptr<Shared> shared_;
  ConnectFailureKind failure_ = ConnectFailureKind::transient;
  bool started_ = false;
};

}  // namespace copg::pq
