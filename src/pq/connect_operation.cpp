// Connecting with libpq's own machine, PQconnectPoll, and what must be done around it.
#include "pq/connect_operation.hpp"

#include <locale.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string_view>

#include "pq/connect_failure.hpp"
#include "pq/fork_gate.hpp"

namespace copg::pq {
namespace {

/// While it lives, libpq speaks untranslated in this thread: its words are read by read_connect_failure.
class UntranslatedMessages {
 public:
  UntranslatedMessages() : before_(uselocale(c_locale())) {}
  UntranslatedMessages(const UntranslatedMessages&) = delete;
  UntranslatedMessages& operator=(const UntranslatedMessages&) = delete;
  ~UntranslatedMessages() { uselocale(before_); }

 private:
  static locale_t c_locale() {
    // never freed: threads may outlive main
    static const locale_t locale = newlocale(LC_ALL_MASK, "C", nullptr);
    return locale;
  }
  locale_t before_;
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

struct PointerLists {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  explicit PointerLists(const std::vector<std::pair<std::string, std::string>>& pairs) {
    for (const auto& [keyword, value] : pairs) {
      keywords.push_back(keyword.c_str());
      values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
  }
};

constexpr int first_with_backend_type = 100000;
constexpr int first_with_xid8 = 130000;

/// No process of a server has this number: a pooler has told it, most of which choose it by chance. One of
/// theirs in five hundred could be a process.
bool is_no_process(int backend_pid) noexcept {
  constexpr int greatest = 1 << 22;  // PID_MAX_LIMIT of Linux; other systems have smaller numbers
  return backend_pid <= 0 || backend_pid > greatest;
}

bool names_statements(const ConnectSettings& settings) {
  if (settings.prepare == PrepareMode::automatic) return !settings.memory->behind_pooler;
  return settings.prepare == PrepareMode::on;
}

PGconn* start(const std::vector<std::pair<std::string, std::string>>& pairs) {
  const PointerLists lists(pairs);
  const InsideForkGate inside(InsideForkGate::What::connect);
  PGconn* conn = PQconnectStartParams(lists.keywords.data(), lists.values.data(), 0);
  if (conn == nullptr) throw std::bad_alloc();
  return conn;
}

}  // namespace

ConnectOperation::ConnectOperation(ConnectSettings settings) : settings_(std::move(settings)) {}

ConnectOperation::~ConnectOperation() = default;

void ConnectOperation::Finish::operator()(PGconn* conn) const noexcept {
  const InsideForkGate inside(InsideForkGate::What::connect);
  PQfinish(conn);
}

const char* ConnectOperation::phase() const noexcept {
  switch (phase_) {
    case Phase::starting: return "not started yet";
    case Phase::resolving: return "resolving host names";
    case Phase::connecting: break;
    case Phase::identifying: return "asking which server it is";
    case Phase::asking_room: return "asking how many connections the server has room for";
    case Phase::over: return "done";
  }
  if (!conn_) return "going to the next host";
  switch (static_cast<int>(PQstatus(conn_.get()))) {  // libpq's later versions have more of them
    case CONNECTION_STARTED:
    case CONNECTION_MADE: return "connecting";
    case CONNECTION_AWAITING_RESPONSE:
    case CONNECTION_AUTH_OK: return "authenticating";
    case CONNECTION_SSL_STARTUP:
    case CONNECTION_GSS_STARTUP: return "setting up encryption";
    case CONNECTION_OK:
    case CONNECTION_BAD:
    case CONNECTION_SETENV:
    case CONNECTION_NEEDED:
    case CONNECTION_CHECK_WRITABLE:
    case CONNECTION_CONSUME:
    case CONNECTION_CHECK_TARGET:
    case CONNECTION_CHECK_STANDBY:
    default: break;
  }
  return "looking at the session";
}

ConnectPhase ConnectOperation::connect_phase() const noexcept {
  switch (phase_) {
    case Phase::starting:
    case Phase::resolving: return ConnectPhase::resolve;
    case Phase::connecting: break;
    case Phase::identifying:
    case Phase::asking_room:
    case Phase::over: return ConnectPhase::authenticate;
  }
  if (!conn_) return ConnectPhase::connect;
  switch (static_cast<int>(PQstatus(conn_.get()))) {  // libpq's later versions have more of them
    case CONNECTION_STARTED:
    case CONNECTION_MADE:  // and about to send the first byte, which takes no time
    case CONNECTION_NEEDED: return ConnectPhase::connect;
    case CONNECTION_SSL_STARTUP:
    case CONNECTION_GSS_STARTUP: return ConnectPhase::encrypt;
    case CONNECTION_OK:
    case CONNECTION_BAD:
    case CONNECTION_AWAITING_RESPONSE:
    case CONNECTION_AUTH_OK:
    case CONNECTION_SETENV:
    case CONNECTION_CHECK_WRITABLE:
    case CONNECTION_CONSUME:
    case CONNECTION_CHECK_TARGET:
    case CONNECTION_CHECK_STANDBY:
    default: break;
  }
  return ConnectPhase::authenticate;
}

Step ConnectOperation::advance(Ready ready) {
  const UntranslatedMessages untranslated;
  switch (phase_) {
    case Phase::starting:
      read_effective_options();
      if (effective("gssencmode") == "require") return refuse_gss_encryption();
      resolve_ = std::make_unique<ResolveOperation>(HostLists{std::string(effective("host")),
                                                              std::string(effective("hostaddr")),
                                                              std::string(effective("port"))});
      phase_ = Phase::resolving;
      return resolve(Ready::none);
    case Phase::resolving: return resolve(ready);
    case Phase::connecting: return conn_ ? poll() : start_connecting();
    case Phase::identifying: return identify(ready);
    case Phase::asking_room: return ask_room(ready);
    case Phase::over: break;
  }
  return Step::finished();
}

void ConnectOperation::read_effective_options() {
  const InsideForkGate inside(InsideForkGate::What::connect);
  // libpq merges keywords, environment and service file only in a PGconn. This one stops before it goes to
  // the network: at a value that no libpq knows.
  auto keywords = settings_.keywords;
  keywords.emplace_back("target_session_attrs", "none, this only reads the options");
  const std::unique_ptr<PGconn, Finish> probe(start(keywords));
  PQconninfoOption* options = PQconninfo(probe.get());
  if (options == nullptr) throw std::bad_alloc();
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> freed(options, &PQconninfoFree);
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) effective_.emplace_back(option->keyword, option->val);
  }
}

std::string_view ConnectOperation::effective(std::string_view keyword) const noexcept {
  for (const auto& [name, value] : effective_) {
    if (name == keyword) return value;
  }
  return {};
}

Step ConnectOperation::resolve(Ready ready) {
  const Step step = resolve_->advance(ready);
  if (!step.done) return step;
  if (resolve_->error() != nullptr) {
    phase_ = Phase::over;
    failure_ = resolve_->failure();
    return fail(resolve_->take_error());
  }
  hosts_ = resolve_->take_hosts();
  resolve_.reset();
  phase_ = Phase::connecting;
  return start_connecting();
}

bool ConnectOperation::user_chose_date_style() const {
  const char* environment = std::getenv("PGDATESTYLE");  // NOLINT(concurrency-mt-unsafe): libpq reads it too
  if (environment != nullptr && *environment != '\0') return true;
  return lower(effective("options")).find("datestyle") != std::string::npos;
}

std::vector<std::pair<std::string, std::string>> ConnectOperation::final_keywords() const {
  std::vector<std::pair<std::string, std::string>> result;
  bool encoding = false;
  for (const auto& pair : settings_.keywords) {
    const bool listed = pair.first == "host" || pair.first == "hostaddr" || pair.first == "port";
    if (!listed || hosts_.empty()) result.push_back(pair);
    encoding = encoding || pair.first == "client_encoding";
  }
  if (!hosts_.empty()) {
    HostLists lists;
    for (const Host& host : hosts_) {
      const char* comma = &host == hosts_.data() ? "" : ",";
      lists.host.append(comma).append(host.name);
      lists.hostaddr.append(comma).append(host.address);
      lists.port.append(comma).append(host.port);
    }
    result.emplace_back("host", std::move(lists.host));
    result.emplace_back("hostaddr", std::move(lists.hostaddr));
    result.emplace_back("port", std::move(lists.port));
  }
  const auto add = [&](const char* keyword, const char* value) {
    if (effective(keyword).empty()) result.emplace_back(keyword, value);
  };
  if (!encoding)
    result.emplace_back("client_encoding", "UTF8");  // whatever the environment says: values are UTF-8
  add("fallback_application_name", "copg");
  add("keepalives_idle", keepalives_idle_s);
  add("keepalives_interval", keepalives_interval_s);
  add("keepalives_count", keepalives_count);
  add("tcp_user_timeout", tcp_user_timeout_ms);
  // libpq's default is to prefer it where the user has a ticket.
  if (!effective("gssencmode").empty()) result.emplace_back("gssencmode", "disable");
  if (ask_for_date_style_) {
    result.emplace_back("options", std::string(effective("options")) + " -c DateStyle=ISO");
  }
  return result;
}

Step ConnectOperation::start_connecting() {
  ask_for_date_style_ = settings_.memory->date_style_needed && !user_chose_date_style();
  conn_.reset(start(final_keywords()));
  if (PQstatus(conn_.get()) == CONNECTION_BAD) return fail_connect();
  // The SQLSTATE of a refusal stands in the verbose text only.
  PQsetErrorVerbosity(conn_.get(), PQERRORS_VERBOSE);
  PQsetNoticeProcessor(
      conn_.get(), [](void*, const char*) {}, nullptr);
  return Step::wait(PQsocket(conn_.get()), Ready::write);
}

Step ConnectOperation::poll() {
  const InsideForkGate inside(InsideForkGate::What::connect);
  switch (PQconnectPoll(conn_.get())) {
    case PGRES_POLLING_READING: return Step::wait(PQsocket(conn_.get()), Ready::read);
    case PGRES_POLLING_WRITING: return Step::wait(PQsocket(conn_.get()), Ready::write);
    case PGRES_POLLING_OK: return established();
    case PGRES_POLLING_ACTIVE:
    case PGRES_POLLING_FAILED: break;
  }
  return fail_connect();
}

Step ConnectOperation::established() {
  PGconn* conn = conn_.get();
  const char* date_style = PQparameterStatus(conn, "DateStyle");
  const bool foreign = date_style != nullptr && !std::string_view(date_style).starts_with("ISO");
  if (foreign && !ask_for_date_style_ && !user_chose_date_style()) {
    settings_.memory->date_style_needed = true;
    conn_.reset();
    return start_connecting();
  }
  phase_ = Phase::over;
  PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
  if (PQsetnonblocking(conn, 1) != 0) return fail_connect();
  if (is_no_process(PQbackendPID(conn))) settings_.memory->behind_pooler = true;
  connection_ = std::make_unique<Connection>(conn, names_statements(settings_));
  connection_->limit_results(settings_.max_result_bytes);
  (void)conn_.release();  // the connection's now
  if (!settings_.identify || connection_->server_version() < first_with_xid8) return start_asking_room();
  phase_ = Phase::identifying;
  identity_ = std::make_unique<FateStatement>(*connection_, "", 0);
  return identify(Ready::none);
}

/// A server that is like PostgreSQL, and can't answer, is as good as one that was not asked.
Step ConnectOperation::identify(Ready ready) {
  const Step step = identity_->operation.advance(ready);
  if (!step.done) return step;
  phase_ = Phase::over;
  if (identity_->operation.error() == nullptr)
    connection_->identify(identity_in(identity_->operation.take_result()));
  ErrorPtr error = identity_->operation.take_error();
  identity_.reset();
  connection_->wiped();  // the baseline of the session
  if (connection_->alive()) return start_asking_room();
  connection_.reset();
  return fail(std::move(error));
}

Step ConnectOperation::start_asking_room() {
  phase_ = Phase::over;
  if (!settings_.ask_room || connection_->server_version() < first_with_backend_type) return Step::finished();
  phase_ = Phase::asking_room;
  room_statement_.emplace(*connection_);
  return ask_room(Ready::none);
}

/// A server that can't or won't answer is as good as any other.
Step ConnectOperation::ask_room(Ready ready) {
  ExecuteOperation& operation = room_statement_->operation;
  const Step step = operation.advance(ready);
  if (!step.done) return step;
  phase_ = Phase::over;
  if (operation.error() == nullptr) take_room(operation.take_result());
  ErrorPtr error = operation.take_error();
  room_statement_.reset();
  connection_->wiped();  // the baseline of the session
  if (connection_->alive()) return Step::finished();
  connection_.reset();
  return fail(std::move(error));
}

void ConnectOperation::take_room(const Result& answer) {
  const int pid = connection_->backend_pid();
  room_ = room_in(answer, pid);
  if (!shows_pooler(answer, pid)) return;
  settings_.memory->behind_pooler = true;
  if (!names_statements(settings_)) connection_->statements().name_no_more();
}

Step ConnectOperation::fail_connect() {
  phase_ = Phase::over;
  ConnectFailureInfo info = read_connect_failure(PQerrorMessage(conn_.get()));
  failure_ = info.kind;
  const bool refused = failure_ == ConnectFailureKind::transient && info.error.sqlstate.empty();
  if (refused && stays_on_this_machine()) failure_ = ConnectFailureKind::refused_near;
  conn_.reset();
  return fail(std::make_unique<ErrorInfo>(std::move(info.error)));
}

// Nothing tells of what libpq has decrypted and not yet given: an answer could wait there for ever.
Step ConnectOperation::refuse_gss_encryption() {
  phase_ = Phase::over;
  failure_ = ConnectFailureKind::configuration;
  return fail(connection_failed(
      "gssencmode=require: encryption by GSSAPI is not supported; use TLS (sslmode=require)"));
}

/// Every host is a socket or a loopback address.
bool ConnectOperation::stays_on_this_machine() const {
  return !hosts_.empty() && std::ranges::all_of(hosts_, [](const Host& host) {
    return host.address.empty() || host.address.starts_with("127.") || host.address == "::1";
  });
}

std::size_t ConnectOperation::current_host() const {
  const auto tells = [](const char* value) { return value == nullptr ? std::string_view() : value; };
  const std::string_view name = tells(PQhost(conn_.get()));
  const std::string_view address = tells(PQhostaddr(conn_.get()));
  const std::string_view port = tells(PQport(conn_.get()));
  const auto found = std::ranges::find_if(hosts_, [&](const Host& host) {
    if (!host.port.empty() && host.port != port) return false;
    return host.address.empty() ? host.name.empty() || host.name == name : host.address == address;
  });
  return found == hosts_.end() ? 0 : static_cast<std::size_t>(found - hosts_.begin());
}

bool ConnectOperation::try_next_host() {
  if (phase_ != Phase::connecting || !conn_) return false;
  const auto current = hosts_.begin() + static_cast<std::ptrdiff_t>(current_host());
  // With load_balance_hosts (libpq 16) the order is libpq's: only the one that is being tried is known to be
  // of no use.
  const std::string_view balance = effective("load_balance_hosts");
  const bool in_order = balance.empty() || balance == "disable";
  if (in_order ? hosts_.end() - current <= 1 : hosts_.size() <= 1) return false;
  conn_.reset();
  hosts_.erase(in_order ? hosts_.begin() : current, current + 1);
  return true;
}

}  // namespace copg::pq
