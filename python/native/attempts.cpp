// What Python knows of an error is enough to decide: the SQLSTATE, and whether the server has undone it.
#include "python/native/attempts.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <copg/error.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/calls/attempts.hpp"
#include "engine/clock.hpp"
#include "engine/random_seed.hpp"
#include "python/native/any_pool.hpp"
#include "python/native/binding.hpp"
#include "python/native/options.hpp"

namespace copg::python {
namespace {

class RunAttempts {
 public:
  RunAttempts(AnyPool& pool, nb::handle most, double timeout_s)
      : pool_(pool),
        attempts_(most_of(most), engine::after(engine::now(), engine::duration_of(Seconds(timeout_s))),
                  engine::random_seed()) {}

  /// The seconds to wait before the next attempt; none: it was the last. `undone`: the server has refused it.
  std::optional<double> pause_after(const std::string& sqlstate, std::string message, bool undone) {
    ErrorInfo error;
    error.kind = undone ? ErrorKind::query_failed : ErrorKind::commit_unknown;
    error.sqlstate = SqlState(sqlstate);
    error.message = std::move(message);
    const auto pause = attempts_.pause_after(error, engine::now());
    if (!pause) return std::nullopt;
    pool_.count_retry();
    return Seconds(*pause).count();
  }
  /// What each has ended with, and what is to be told of them behind the last error's message.
  std::pair<std::vector<std::string>, std::string> told() const {
    ErrorInfo error;
    attempts_.tell(error);
    return {std::move(error.attempts), std::move(error.message)};
  }

 private:
  static int most_of(nb::handle given) {
    int most = 0;
    if (!PyLong_Check(given.ptr()) || !nb::try_cast(given, most))
      throw nb::type_error("attempts must be a whole number");
    if (most < 1) throw nb::value_error("attempts must be at least 1");
    return most;
  }

  AnyPool& pool_;
  engine::Attempts attempts_;
};

}  // namespace

void bind_attempts(nb::module_& module) {
  nb::class_<RunAttempts>(module, "Attempts")
      .def(nb::init<AnyPool&, nb::handle, double>(), nb::keep_alive<1, 2>(), nb::arg(), bind::any, nb::arg())
      .def("pause_after", &RunAttempts::pause_after)
      .def("told", [](const RunAttempts& self) {
        auto [causes, words] = self.told();
        return nb::make_tuple(nb::cast(causes), words);
      });
}

}  // namespace copg::python
