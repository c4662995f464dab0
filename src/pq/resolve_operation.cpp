// getaddrinfo on a worker, and the lists before and after it.
#include "pq/resolve_operation.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <string_view>
#include <system_error>

#include "os/signal.hpp"
#include "pq/fork_gate.hpp"
#include "pq/workers.hpp"

namespace copg::pq {
namespace {

std::vector<std::string> split_list(const std::string& list) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t comma = list.find(',', begin);
    parts.push_back(list.substr(begin, comma == std::string::npos ? comma : comma - begin));
    if (comma == std::string::npos) return parts;
    begin = comma + 1;
  }
}

/// A socket folder, or an abstract socket.
bool is_socket(std::string_view host) { return host.empty() || host.front() == '/' || host.front() == '@'; }

bool is_numeric(const std::string& host) {
  in6_addr v6{};
  in_addr v4{};
  return inet_pton(AF_INET, host.c_str(), &v4) == 1 || inet_pton(AF_INET6, host.c_str(), &v6) == 1;
}

/// What getaddrinfo says of one name.
struct Answer {
  std::vector<std::string> addresses;
  int code = 0;  // of EAI_*
  int system_error = 0;
};

Answer look_up(const std::string& name) {
  const InsideForkGate inside(InsideForkGate::What::look_up);
  Answer answer;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  answer.code = getaddrinfo(name.c_str(), nullptr, &hints, &found);
  answer.system_error = errno;
  if (answer.code != 0) return answer;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    char text[NI_MAXHOST];
    // Numeric on purpose: keeps the scope of a link-local address.
    if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) == 0) {
      answer.addresses.emplace_back(text);
    }
  }
  freeaddrinfo(found);
  return answer;
}

std::string words_for(const std::string& name, const Answer& answer) {
  const char* reason = answer.code == EAI_SYSTEM
                           ? std::strerror(answer.system_error)  // NOLINT(concurrency-mt-unsafe)
                       : answer.code != 0 ? gai_strerror(answer.code)
                                          : "it has no address";
  return "could not translate host name \"" + name + "\" to address: " + reason;
}

bool is_transient(const Answer& answer) {
  return answer.code == EAI_AGAIN || answer.code == EAI_SYSTEM || answer.code == EAI_MEMORY;
}

}  // namespace

/// What the operation and its worker share.
struct ResolveOperation::Shared {
  explicit Shared(std::vector<std::string> host_names) : names(std::move(host_names)) {
    if (!wakeup.open()) throw std::system_error(errno, std::generic_category(), "no descriptor is left");
  }

  void work() noexcept {
    std::vector<Answer> found;
    try {
      for (const std::string& name : names) found.push_back(look_up(name));
    } catch (const std::bad_alloc&) {
      found.clear();
    }
    {
      const std::lock_guard lock(mutex);
      answers = std::move(found);
      ready = true;
    }
    wakeup.set();
  }

  const std::vector<std::string> names;
  os::Signal wakeup;
  std::mutex mutex;
  std::vector<Answer> answers;  // as many as names, or none: out of memory
  bool ready = false;
};

ResolveOperation::ResolveOperation(HostLists lists) : lists_(std::move(lists)) {}

ResolveOperation::~ResolveOperation() = default;

Step ResolveOperation::advance(Ready /*ready*/) {
  if (started_) return take_answers();
  started_ = true;
  if (!split()) return Step::finished();
  return start_worker();
}

bool ResolveOperation::split() {
  const std::vector<std::string> names = split_list(lists_.host);
  const std::vector<std::string> addresses = split_list(lists_.hostaddr);
  const std::vector<std::string> ports = split_list(lists_.port);
  const bool has_names = !lists_.host.empty();
  const bool has_addresses = !lists_.hostaddr.empty();
  const std::size_t count = has_addresses ? addresses.size() : names.size();
  if (has_names && names.size() != count) return false;
  if (ports.size() != 1 && ports.size() != count) return false;
  for (std::size_t i = 0; i < count; ++i) {
    Host host;
    if (has_names) host.name = names[i];
    if (has_addresses) host.address = addresses[i];
    host.port = ports.size() == 1 ? ports[0] : ports[i];
    if (host.address.empty() && is_numeric(host.name)) host.address = host.name;
    hosts_.push_back(std::move(host));
  }
  return true;
}

bool ResolveOperation::must_resolve(const Host& host) {
  return host.address.empty() && !is_socket(host.name);
}

Step ResolveOperation::start_worker() {
  std::vector<std::string> names;
  for (const Host& host : hosts_) {
    if (must_resolve(host)) names.push_back(host.name);
  }
  if (names.empty()) return Step::finished();
  try {
    shared_ = std::make_shared<Shared>(std::move(names));
    Workers::submit([shared = shared_] {
      if (shared.use_count() > 1) shared->work();  // else nobody wants to know any more
    });
  } catch (const std::system_error& error) {
    return fail(
        connection_failed(std::string("could not find a thread to resolve host names: ") + error.what()));
  }
  return Step::wait(shared_->wakeup.fd(), Ready::read);
}

Step ResolveOperation::take_answers() {
  const std::lock_guard lock(shared_->mutex);
  if (!shared_->ready) return Step::wait(shared_->wakeup.fd(), Ready::read);
  std::vector<Host> resolved;
  std::string words;
  bool transient = shared_->answers.empty();
  auto answer = shared_->answers.begin();
  for (Host& host : hosts_) {
    if (!must_resolve(host) || answer == shared_->answers.end()) {
      if (!must_resolve(host)) resolved.push_back(std::move(host));
      continue;
    }
    for (std::string& address : answer->addresses)
      resolved.push_back({host.name, std::move(address), host.port});
    if (answer->addresses.empty()) {
      transient = transient || is_transient(*answer);
      words += (words.empty() ? "" : "; ") + words_for(host.name, *answer);
    }
    ++answer;
  }
  hosts_ = std::move(resolved);
  if (!hosts_.empty()) return Step::finished();
  failure_ = transient ? ConnectFailureKind::transient : ConnectFailureKind::configuration;
  ErrorPtr error = connection_failed(words.empty() ? "out of memory while resolving host names" : words);
  if (!transient) error->kind = ErrorKind::configuration;
  return fail(std::move(error));
}

}  // namespace copg::pq
