// See monitor_source.hpp.
#include "monitor_source.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <exception>

#include "monitor_client.hpp"

namespace copg::tools {
namespace {

/// For so long a process that was found by its socket, and answers no more, is still spoken of.
constexpr std::chrono::seconds remembered{10};

}  // namespace

MonitorSource::MonitorSource(boost::asio::any_io_executor executor, std::vector<MonitorAddress> named,
                             std::vector<std::string> folders, std::chrono::milliseconds timeout)
    : executor_(std::move(executor)),
      named_(!named.empty()),
      folders_(std::move(folders)),
      timeout_(timeout) {
  for (MonitorAddress& address : named) {
    auto watched = std::make_shared<Watched>();
    watched->shown.address = address.shown;
    watched->address = std::move(address);
    watched_.push_back(std::move(watched));
  }
  look();
}

void MonitorSource::look() {
  if (named_) return;
  refused_.clear();
  for (MonitorAddress& address : find_sockets(folders_, refused_)) {
    const bool known = std::any_of(watched_.begin(), watched_.end(),
                                   [&](const auto& watched) { return watched->address == address; });
    if (known) continue;
    auto watched = std::make_shared<Watched>();
    watched->shown.address = address.shown;
    watched->address = std::move(address);
    watched->answered = std::chrono::steady_clock::now();
    watched_.push_back(std::move(watched));
  }
}

void MonitorSource::forget_the_gone() {
  if (named_) return;
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(watched_, [&](const auto& watched) {
    return !watched->asked && watched->gone && (left_over(*watched) || now - watched->answered > remembered);
  });
}

void MonitorSource::refresh() {
  asked_ = true;
  forget_the_gone();
  look();
  for (const auto& watched : watched_)
    if (!watched->asked) ask(watched);
}

void MonitorSource::ask(const std::shared_ptr<Watched>& watched) {
  watched->asked = true;
  boost::asio::co_spawn(executor_, ask_monitor(watched->address, timeout_),
                        [this, watched](const std::exception_ptr& error, const std::string& answer) {
                          watched->asked = false;
                          note(*watched, error, answer);
                          changed();
                        });
}

void MonitorSource::note(Watched& watched, const std::exception_ptr& error, const std::string& answer) {
  watched.gone = false;
  watched.shown.trouble.clear();
  try {
    if (error) std::rethrow_exception(error);
    boost::json::value document = parse_document(answer);
    watched.shown.process = read_document(document);
    watched.shown.name = name_of(*watched.shown.process);
    watched.document = std::move(document);
    watched.answered = std::chrono::steady_clock::now();
  } catch (const NobodyListens&) {
    watched.gone = true;
    watched.shown.trouble = watched.shown.name.empty() ? "nobody listens there" : "the process has ended";
  } catch (const std::exception& known) {
    watched.shown.trouble = known.what();
  }
}

bool MonitorSource::left_over(const Watched& watched) const {
  return !named_ && watched.gone && watched.shown.name.empty();
}

bool MonitorSource::any() const {
  return std::any_of(watched_.begin(), watched_.end(),
                     [this](const auto& watched) { return !left_over(*watched); });
}

bool MonitorSource::settled() const {
  return std::none_of(watched_.begin(), watched_.end(), [](const auto& watched) { return watched->asked; });
}

Picture MonitorSource::picture() const {
  std::vector<WatchedProcess> processes;
  for (const auto& watched : watched_) {
    if (!left_over(*watched)) processes.push_back(watched->shown);
  }
  Picture picture = picture_of(processes);
  for (const std::string& reason : refused_)
    picture.remarks.push_back({{"passed over: " + reason, Tone::warning}});
  return picture;
}

std::string MonitorSource::json() const {
  boost::json::array documents;
  for (const auto& watched : watched_)
    if (watched->shown.trouble.empty() && watched->shown.process) documents.push_back(watched->document);
  return boost::json::serialize(documents);
}

bool MonitorSource::knows() const {
  return std::any_of(watched_.begin(), watched_.end(),
                     [](const auto& watched) { return watched->shown.process.has_value(); });
}

std::vector<std::string> MonitorSource::troubles() const {
  std::vector<std::string> result;
  for (const auto& watched : watched_) {
    if (!left_over(*watched) && !watched->shown.trouble.empty())
      result.push_back(watched->shown.address + ": " + watched->shown.trouble);
  }
  return result;
}

}  // namespace copg::tools
