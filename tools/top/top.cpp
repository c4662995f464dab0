// See top.hpp. One thread does everything: an io_context waits for answers, keys, signals and the next look.
#include "top.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <memory>
#include <stdexcept>

#include "monitor_source.hpp"
#include "server_source.hpp"
#include "terminal.hpp"
#include "tools/database_url.hpp"
#include "tools/interruption.hpp"
#include "view.hpp"

namespace copg::tools {
namespace {

namespace asio = boost::asio;

std::unique_ptr<Source> server_of(asio::io_context& context, const TopOptions& options, std::string remark) {
  return std::make_unique<ServerSource>(context.get_executor(), config_from(options.database),
                                        options.timeout, std::move(remark));
}

/// The monitors that are named or found; without any, the server of the environment.
std::unique_ptr<Source> source_of(asio::io_context& context, const TopOptions& options) {
  if (!options.database.empty()) return server_of(context, options, "");
  std::vector<MonitorAddress> named;
  for (const std::string& text : options.monitors) named.push_back(read_address(text));
  const std::vector<std::string> folders = socket_folders();
  auto monitors = std::make_unique<MonitorSource>(
      context.get_executor(), std::move(named), folders,
      std::chrono::milliseconds(static_cast<std::int64_t>(options.timeout * 1000)));
  monitors->refresh();
  while (!monitors->settled()) context.run_one();
  if (monitors->any()) return monitors;
  return server_of(context, options,
                   fmt::format("no process with a monitor was found in {}, so this is the server's account",
                               fmt::join(folders, " or ")));
}

void print_table(const Table& table, const TopOptions& options, std::FILE* out) {
  const Table shown = sorted(with_texts(table, !options.no_texts), table.sort_column, table.descending);
  for (const Line& line : lay_out(shown, 0, Charset::utf8)) fmt::print(out, "{}\n", plain_text(line));
}

void print(const Picture& picture, const TopOptions& options, std::FILE* out) {
  fmt::print(out, "{}\n\n", harmless(picture.headline));
  print_table(picture.summary, options, out);
  if (!picture.remarks.empty()) fmt::print(out, "\n");
  for (const Line& remark : picture.remarks) fmt::print(out, "{}\n", harmless(plain_text(remark)));
  for (const Pane& pane : picture.panes) {
    if (pane.excerpt) continue;
    fmt::print(out, "\n{}\n", pane.name);
    if (pane.table.rows.empty()) {
      fmt::print(out, "{}\n", pane.when_empty);
    } else {
      print_table(pane.table, options, out);
    }
    if (pane.left_out > 0) fmt::print(out, "and {} more\n", pane.left_out);
  }
}

int look_once(asio::io_context& context, Source& source, const TopOptions& options, std::FILE* out) {
  if (!source.asked()) source.refresh();
  while (!source.settled()) context.run_one();
  const std::vector<std::string> troubles = source.troubles();
  for (const std::string& trouble : troubles) fmt::print(stderr, "copg: {}\n", harmless(trouble));
  if (!source.knows()) return 1;
  if (options.json) {
    fmt::print(out, "{}\n", source.json());
  } else {
    print(source.picture(), options, out);
  }
  return troubles.empty() ? 0 : 1;
}

/// The program with a screen.
class Session {
 public:
  Session(asio::io_context& context, Source& source, const TopOptions& options)
      : context_(context),
        source_(source),
        signals_(context, SIGINT, SIGTERM, SIGHUP),
        resized_(context, SIGWINCH, SIGCONT),
        keys_(context, ::dup(STDIN_FILENO)),
        timer_(context),
        terminal_(open_terminal()),
        view_(options.interval, !options.no_texts, terminal_->charset()) {}

  /// Returns the exit code.
  int run() {
    source_.changed = [this] { show(); };
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (!error) end(signal == SIGHUP ? 128 + SIGHUP : exit_interrupted);
    });
    wait_for_resize();
    wait_for_keys();
    look();
    show();
    context_.run();
    source_.changed = [] {};
    return status_;
  }

 private:
  void end(int status) {
    status_ = status;
    context_.stop();
  }

  void show() {
    view_.show(source_.picture());
    draw();
  }

  void draw() { terminal_->draw(view_.compose(terminal_->size())); }

  void look() {
    if (!view_.paused()) source_.refresh();
    timer_.expires_after(std::chrono::milliseconds(static_cast<std::int64_t>(view_.interval_s() * 1000)));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) look();
    });
  }

  void wait_for_resize() {
    resized_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      terminal_->start_afresh();
      draw();
      wait_for_resize();
    });
  }

  void wait_for_keys() {
    keys_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [this](const boost::system::error_code& error) {
                       if (error) return;
                       const double interval = view_.interval_s();
                       const bool paused = view_.paused();
                       std::size_t count = 0;
                       while (const auto key = terminal_->key()) {
                         ++count;
                         if (!view_.press(*key)) return end(0);
                       }
                       if (count == 0 && hung_up()) return end(128 + SIGHUP);
                       if (interval != view_.interval_s() || paused != view_.paused()) look();
                       draw();
                       wait_for_keys();
                     });
  }

  /// Whether the terminal is gone: it is readable then, and there is nothing.
  [[nodiscard]] static bool hung_up() {
    pollfd terminal{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    return ::poll(&terminal, 1, 0) > 0 && (terminal.revents & (POLLHUP | POLLERR)) != 0;
  }

  asio::io_context& context_;
  Source& source_;
  asio::signal_set signals_;  // before the terminal: ncurses leaves signals alone that are taken
  asio::signal_set resized_;
  asio::posix::stream_descriptor keys_;
  asio::steady_timer timer_;
  std::unique_ptr<Terminal> terminal_;
  View view_;
  int status_ = 0;
};

}  // namespace

int top(const TopOptions& options, std::FILE* out) {
  if (options.json && !options.once) throw std::invalid_argument("--json goes with --once");
  if (!options.database.empty() && !options.monitors.empty())
    throw std::invalid_argument("either monitors or --database");
  asio::io_context context;
  const auto work = asio::make_work_guard(context);
  const std::unique_ptr<Source> source = source_of(context, options);
  if (options.once) return look_once(context, *source, options, out);
  return Session(context, *source, options).run();
}

}  // namespace copg::tools
