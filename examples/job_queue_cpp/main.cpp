// A queue of jobs in a table, of several tenants: filled from CSV, worked on by threads that are woken up,
// exported to CSV. ../job_queue/jobs.py is the same in Python.
#include <CLI/CLI.hpp>
#include <copg/copg.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "jobs.hpp"

namespace {

using namespace std::chrono_literals;

constexpr auto call_timeout = 10s;

struct Options {
  int tenant = 0;
  std::string file;
  int workers = 4;
  bool until_empty = false;
};

std::atomic<bool> ending = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

[[noreturn]] void fail(const std::string& path) {
  throw std::system_error(errno, std::generic_category(), path);
}

/// A file, or, as `-`, standard input or output.
class File {
 public:
  File(const std::string& path, bool write) : path_(path), file_(write ? stdout : stdin) {
    if (path_ == "-") return;
    owned_.reset(std::fopen(path_.c_str(), write ? "wb" : "rb"));
    if (!owned_) fail(path_);
    file_ = owned_.get();
  }

  std::string_view read(std::array<char, 65536>& piece) {
    const std::size_t size = std::fread(piece.data(), 1, piece.size(), file_);
    if (std::ferror(file_) != 0) fail(path_);
    return {piece.data(), size};
  }
  void write(std::string_view piece) {
    if (std::fwrite(piece.data(), 1, piece.size(), file_) != piece.size()) fail(path_);
  }
  void flush() {
    if (std::fflush(file_) != 0) fail(path_);
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  std::string path_;
  std::unique_ptr<std::FILE, Close> owned_;
  std::FILE* file_;
};

class FileSource : public copg::CopySource {
 public:
  explicit FileSource(const std::string& path) : file_(path, false) {}
  std::string_view next() override { return file_.read(piece_); }

 private:
  File file_;
  std::array<char, 65536> piece_{};
};

class FileSink : public copg::CopySink {
 public:
  explicit FileSink(const std::string& path) : file_(path, true) {}
  void take(std::string_view piece) override { file_.write(piece); }
  void flush() { file_.flush(); }

 private:
  File file_;
};

void import_jobs(example::JobQueue& queue, const Options& options) {
  FileSource source(options.file);
  std::printf("%lld jobs imported\n", static_cast<long long>(queue.import_csv(source)));
}

void export_jobs(example::JobQueue& queue, const Options& options) {
  FileSink sink(options.file);
  const auto count = static_cast<long long>(queue.export_csv(sink));
  sink.flush();
  std::fprintf(options.file == "-" ? stderr : stdout, "%lld jobs exported\n", count);
}

void work(example::JobQueue& queue, const Options& options) {
  const auto worker = [&] {
    try {
      queue.work(ending, options.until_empty, [](example::JobId id) {
        std::printf("job %lld done\n", static_cast<long long>(id));
        std::fflush(stdout);
      });
    } catch (...) {
      ending = true;  // for the others
      throw;
    }
  };
  std::vector<std::future<void>> workers;
  workers.reserve(static_cast<std::size_t>(options.workers));
  for (int i = 0; i < options.workers; ++i) workers.push_back(std::async(std::launch::async, worker));
  for (std::future<void>& each : workers) each.get();
}

void show_status(example::JobQueue& queue) {
  const example::JobCounts counts = queue.counts();
  std::printf("waiting %lld, done %lld, failed %lld\n", static_cast<long long>(counts.waiting),
              static_cast<long long>(counts.done), static_cast<long long>(counts.failed));
}

/// SIGINT and SIGTERM let the jobs at hand end; a second one ends the process.
void end_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { ending = true; };
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

/// In one line. A line of CSV, which the context may quote, can have several.
std::string text_of(const copg::Error& error) {
  std::string text = error.info().message;
  if (!error.info().context.empty()) text += " (" + error.info().context + ")";
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("A queue of jobs in the database in DATABASE_URL. A job counts the words of its payload.");
  app.add_option("--tenant", options.tenant, "Whose jobs: a number")->required();
  CLI::App* const import_command = app.add_subcommand("import", "Makes a job of each line of a CSV file");
  import_command->add_option("FILE", options.file, "With a header and one column; -: standard input")
      ->required();
  CLI::App* const work_command = app.add_subcommand("work", "Works on the jobs, and waits for more");
  work_command->add_option("--workers", options.workers, "Jobs at the same time")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  work_command->add_flag("--until-empty", options.until_empty, "Ends when no job is waiting");
  CLI::App* const export_command = app.add_subcommand("export", "Writes all jobs to a CSV file");
  export_command->add_option("FILE", options.file, "It is replaced; -: standard output")->required();
  app.add_subcommand("status", "Counts the jobs");
  app.require_subcommand(1);
  app.footer(
      "`work` ends on SIGINT and SIGTERM, after the jobs at hand.\n"
      "Exit codes: 0 done; 1 trouble with the database or the file; 2 wrong usage.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : 2;
  }
  try {
    if (*work_command) end_on_signals();
    // A worker has one connection at most; listeners share one that does not count.
    auto db =
        copg::PooledDatabase::from_env({.min_size = 1, .max_size = options.workers, .timeout = call_timeout});
    db.wait(call_timeout);  // no file is touched without a database
    example::JobQueue queue(db, options.tenant);
    if (*import_command) {
      import_jobs(queue, options);
    } else if (*export_command) {
      export_jobs(queue, options);
    } else if (*work_command) {
      work(queue, options);
    } else {
      show_status(queue);
    }
  } catch (const copg::Error& error) {
    std::fprintf(stderr, "job_queue: %s\n", text_of(error).c_str());
    return EXIT_FAILURE;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "job_queue: %s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
