#include "python/native/metrics.hpp"

#include <nanobind/stl/string.h>

#include <copg/pool_metrics.hpp>
#include <copg/prometheus.hpp>
#include <copg/size_advice.hpp>

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "python/native/any_pool.hpp"
#include "python/native/seconds.hpp"

namespace copg::python {
namespace {

nb::str name_as_str(std::string_view view) { return nb::str(view.data(), view.size()); }

template <class Counts>
nb::dict dict_of_counts(const Counts& counts) {
  nb::dict result;
  counts.for_each([&](auto key, std::uint64_t count) { result[name_as_str(to_string(key))] = count; });
  return result;
}

nb::dict failures_of(const PoolMetrics& metrics) {
  nb::dict result;
  for (const auto kind : {ErrorKind::pool_timeout, ErrorKind::pool_deadlock, ErrorKind::pool_closed,
                          ErrorKind::too_many_requests, ErrorKind::connection_failed})
    result[name_as_str(to_string(kind))] = metrics.failures[kind];
  return result;
}

nb::dict phases_of(nb::handle self) {
  const auto& metrics = nb::cast<const PoolMetrics&>(self);
  nb::dict result;
  for (std::size_t i = 0; i < PoolMetrics::Phases::size; ++i) {
    const auto phase = static_cast<ConnectPhase>(i);
    result[name_as_str(to_string(phase))] =
        nb::cast(metrics.phases[phase], nb::rv_policy::reference_internal, self);
  }
  return result;
}

/// (end of the bucket in seconds, count) of those that are not empty.
nb::list buckets_of(const Histogram& histogram) {
  nb::list result;
  for (std::size_t i = 0; i < Histogram::size; ++i) {
    const auto [end, count] = histogram.bucket(i);
    const double end_s = i + 1 < Histogram::size ? seconds(end) : std::numeric_limits<double>::infinity();
    if (count > 0) result.append(nb::make_tuple(end_s, count));
  }
  return result;
}

std::string prometheus_of(nb::args pools) {
  std::vector<PoolMetrics> metrics;
  metrics.reserve(pools.size());
  for (const nb::handle pool : pools) {
    if (!nb::isinstance<AnyPool>(pool))
      throw nb::type_error(fmt::format("{} is no pool", nb::repr(pool).c_str()).c_str());
    metrics.push_back(nb::cast<const AnyPool&>(pool).metrics());
  }
  return prometheus_text(std::move(metrics));
}

}  // namespace

void bind_metrics(nb::module_& module) {
  nb::class_<Histogram>(module, "Histogram")
      .def_prop_ro("count", &Histogram::count)
      .def_prop_ro("sum", [](const Histogram& self) { return seconds(self.sum()); })
      .def_prop_ro("mean", [](const Histogram& self) { return seconds(self.mean()); })
      .def("quantile", [](const Histogram& self, double q) { return seconds(self.quantile(q)); })
      .def("shorter_than",
           [](const Histogram& self, double limit_s) {
             return self.shorter_than(engine::duration_of(Seconds(limit_s)));
           })
      .def("buckets", buckets_of);
  constexpr auto inside = nb::rv_policy::reference_internal;
  nb::class_<PoolMetrics>(module, "PoolMetrics")
      .def_ro("name", &PoolMetrics::name)
      .def_prop_ro("period", [](const PoolMetrics& self) { return seconds(self.period); })
      .def_prop_ro("stats", [](const PoolMetrics& self) { return dict_of(self.stats); })
      .def_ro("waits", &PoolMetrics::waits, inside)
      .def_ro("uses", &PoolMetrics::uses, inside)
      .def_ro("operations", &PoolMetrics::operations, inside)
      .def_ro("connects", &PoolMetrics::connects, inside)
      .def_ro("resets", &PoolMetrics::resets, inside)
      .def_prop_ro("phases", phases_of)
      .def_prop_ro("failures", failures_of)
      .def_prop_ro("closes", [](const PoolMetrics& self) { return dict_of_counts(self.closes); })
      .def_prop_ro("resets_by", [](const PoolMetrics& self) { return dict_of_counts(self.resets_by); })
      .def_ro("cancels_num", &PoolMetrics::cancels_num)
      .def("since", &PoolMetrics::since)
      .def("advise", [](const PoolMetrics& self, double target) {
        const SizeAdvice advice = advise(self, target);
        return nb::make_tuple(name_as_str(to_string(advice.verdict)), advice.max_size, advice.busy,
                              advice.under_way, advice.waited, advice.waited_then,
                              seconds(advice.median_wait), advice.burstiness, advice.text);
      });
  module.def("prometheus", prometheus_of);
}

}  // namespace copg::python
