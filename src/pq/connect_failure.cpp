// Reads messages of the form (libpq 12 and later, fe-protocol3.c, pqBuildErrorMessage3):
//   connection to server at "h" (1.2.3.4), port 5432 failed: FATAL:  28P01: password authentication failed
//   for user "u" DETAIL:  ... HINT:  ... LOCATION:  auth_failed, auth.c:335
#include "pq/connect_failure.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace copg::pq {
namespace {

constexpr std::string_view attempt_start = "connection to server ";

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view spaces = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(spaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(spaces) + 1 - begin);
}

/// "FATAL:  28P01: words": the state is five characters between ":  " and ": ", whatever the language of
/// FATAL.
struct StateInText {
  SqlState state{};
  std::size_t at = std::string_view::npos;
};
StateInText find_state(std::string_view line) {
  constexpr std::string_view before = ":  ";
  constexpr std::size_t length = 5;
  for (std::size_t at = line.find(before); at != std::string_view::npos; at = line.find(before, at + 1)) {
    const std::size_t begin = at + before.size();
    if (line.substr(std::min(begin + length, line.size()), 2) != ": ") continue;
    const SqlState state(line.substr(begin, length));
    if (!state.empty()) return {state, begin};
  }
  return {};
}

/// One attempt at one host.
struct Attempt {
  std::string message;
  std::string severity;
  std::string detail;
  std::string hint;
  SqlState state{};
};

void take_line(std::string_view line, std::vector<Attempt>& attempts) {
  if (line.empty()) return;
  const StateInText found = find_state(line);
  // LOCATION and the like have no state, begin with a word in some language and ":  ", and follow a message
  // that has.
  const std::size_t label = line.find(":  ");
  const bool starts = attempts.empty() || line.starts_with(attempt_start) || !found.state.empty();
  if (starts) {
    Attempt attempt;
    attempt.state = found.state;
    attempt.message = line;
    if (!found.state.empty()) {
      attempt.message.erase(found.at, std::string_view("28P01: ").size());
      attempt.severity = "FATAL";
    }
    attempts.push_back(std::move(attempt));
    return;
  }
  Attempt& attempt = attempts.back();
  if (attempt.state.empty() || label == std::string_view::npos) {
    // Advice of libpq's own, such as "Is the server running on that host and accepting TCP/IP connections?"
    if (!attempt.state.empty() || !attempt.hint.empty()) return;
    attempt.hint = line;
  } else if (line.starts_with("DETAIL:")) {
    attempt.detail = trim(line.substr(label + 3));
  } else if (line.starts_with("HINT:")) {
    attempt.hint = trim(line.substr(label + 3));
  }
}

std::vector<Attempt> read_attempts(std::string_view text) {
  std::vector<Attempt> attempts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    take_line(trim(text.substr(0, end)), attempts);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return attempts;
}

/// libpq's untranslated words for trouble that only another configuration ends (fe-connect.c,
/// fe-secure-openssl.c, fe-auth.c).
constexpr std::array configuration_words = {
    std::string_view("server does not support SSL, but SSL was required"),
    std::string_view("certificate verify failed"),
    std::string_view("server certificate for "),
    std::string_view("does not match host name"),
    std::string_view("host name must be specified for a verified SSL connection"),
    std::string_view("root certificate file"),
    std::string_view("could not read root certificate"),
    std::string_view("certificate file"),
    std::string_view("private key file"),
    std::string_view("certificate present, but not private key"),
    std::string_view("no password supplied"),
    std::string_view("authentication method requirement"),
    std::string_view("channel binding required"),
    std::string_view("channel binding is required"),
    std::string_view("authentication method 10 not supported"),
    std::string_view("could not translate host name"),
    std::string_view("could not parse network address"),
    std::string_view("Unix-domain socket path"),
    std::string_view("tlsv1 alert unknown ca"),
    std::string_view("tlsv13 alert certificate required"),
    std::string_view("wrong version number"),
    // PgBouncer's words; its state for most of them is 08P01.
    std::string_view("no such database"),
    std::string_view("no such user"),
    std::string_view("unsupported startup parameter"),
};

bool is_configuration(const Attempt& attempt) {
  const SqlState s = attempt.state;
  if (is_invalid_authorization(s) || is_undefined_database(s) || is_insufficient_privilege(s)) return true;
  // A startup option that the server does not know, or with a bad value; a database being dropped is not one
  // of them.
  if (s == SqlState("42704") || s == SqlState("22023") || s == SqlState("42601") || s == SqlState("0A000"))
    return true;
  return std::ranges::any_of(configuration_words,
                             [&](auto words) { return contains(attempt.message, words); });
}

ConnectFailureKind kind_of(const Attempt& attempt) {
  if (is_too_many_connections(attempt.state) || contains(attempt.message, "max_client_conn")) {
    return ConnectFailureKind::overloaded;
  }
  if (is_configuration(attempt)) return ConnectFailureKind::configuration;
  // Before libpq goes to the network it reads its options: what it says then does not name a server.
  const bool tried = !attempt.state.empty() || attempt.message.starts_with(attempt_start);
  return tried || contains(attempt.message, "out of memory") ? ConnectFailureKind::transient
                                                             : ConnectFailureKind::configuration;
}

}  // namespace

ConnectFailureInfo read_connect_failure(std::string_view text) {
  std::vector<Attempt> attempts = read_attempts(text);
  if (attempts.empty()) attempts.push_back({"the connection could not be made", "", "", "", {}});
  const Attempt& last = attempts.back();
  ConnectFailureInfo info;
  info.kind = kind_of(last);
  std::vector<std::string_view> said;
  for (const Attempt& attempt : attempts) {
    if (std::ranges::find(said, attempt.message) != said.end()) continue;
    said.push_back(attempt.message);
    if (!info.error.message.empty()) info.error.message += "; ";
    info.error.message += attempt.message;
  }
  info.error.kind = info.kind == ConnectFailureKind::configuration ? ErrorKind::configuration
                                                                   : ErrorKind::connection_failed;
  info.error.sqlstate = last.state;
  info.error.severity = last.severity;
  info.error.detail = last.detail;
  info.error.hint = last.hint;
  info.error.connection_survives = false;
  return info;
}

}  // namespace copg::pq
