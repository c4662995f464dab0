// See tune_chart.hpp.
#include "tune_chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

namespace copg::tools {
namespace {

struct Area {
  double left = 70;
  double top = 60;
  double width = 500;
  double height = 260;
};

template <class... Args>
void add(std::string& out, fmt::format_string<Args...> text, Args&&... args) {
  fmt::format_to(std::back_inserter(out), text, std::forward<Args>(args)...);
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      default: result += c;
    }
  }
  return result;
}

/// The smallest of 1, 2, 2.5, 5, 10, 20, ... that is not below `value`.
double round_up(double value) {
  if (value <= 0) return 1;
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double factor : {1.0, 2.0, 2.5, 5.0})
    if (value <= factor * power) return factor * power;
  return 10 * power;
}

/// Sizes double from place to place, as they were chosen.
double x_of(int size, const std::map<int, TuneRound>& results, const Area& area) {
  const double from = std::log2(results.begin()->first);
  const double to = std::log2(results.rbegin()->first);
  if (to <= from) return area.left + area.width / 2;
  return area.left + area.width * (std::log2(size) - from) / (to - from);
}

void draw_line(std::string& out, const std::map<int, TuneRound>& results, double TuneRound::*field,
               double top_value, const char* style, const Area& area) {
  const auto y_of = [&](double value) { return area.top + area.height * (1 - value / top_value); };
  add(out, "<polyline class=\"{}\" points=\"", style);
  for (const auto& [size, round] : results)
    add(out, "{:.1f},{:.1f} ", x_of(size, results, area), y_of(round.*field));
  out += "\"/>\n";
  for (const auto& [size, round] : results)
    add(out, "<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>\n", style, x_of(size, results, area),
        y_of(round.*field));
}

constexpr std::string_view head =
    R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400" font-family="sans-serif" font-size="12">
<style>
  svg { color: #1b1f24; background: #fff }
  text { fill: currentColor }
  .axis { stroke: currentColor; stroke-width: 1; opacity: .6 }
  .grid { stroke: currentColor; stroke-width: 1; opacity: .12 }
  .advice { stroke: #1a7f37; stroke-width: 2; stroke-dasharray: 4 3 }
  .rate { stroke: #0969da; fill: none; stroke-width: 2 } circle.rate, text.rate { fill: #0969da; stroke: none }
  .time { stroke: #bc4c00; fill: none; stroke-width: 2 } circle.time, text.time { fill: #bc4c00; stroke: none }
  @media (prefers-color-scheme: dark) { svg { color: #e6edf3; background: #0d1117 } }
</style>
)";

}  // namespace

std::string bar(double share, int width) {
  static constexpr std::string_view parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * width * 8));
  std::string result;
  for (int i = 0; i < eighths / 8; ++i) result += "█";
  return result.append(parts[eighths % 8]);
}

std::string svg_chart(const std::map<int, TuneRound>& results, int advice, const std::string& title) {
  const Area area;
  double rate = 0;
  double time = 0;
  for (const auto& [size, round] : results) {
    rate = std::max(rate, round.per_second);
    time = std::max(time, round.p99_ms);
  }
  rate = round_up(rate);
  time = round_up(time);
  std::string out(head);
  const double bottom = area.top + area.height;
  const double right = area.left + area.width;
  add(out, "<title>{}</title>\n<text x=\"{}\" y=\"22\" font-size=\"14\">{}</text>\n", escaped(title),
      area.left, escaped(title));
  constexpr int steps = 4;
  for (int i = 0; i <= steps; ++i) {
    const double y = bottom - area.height * i / steps;
    add(out, "<line class=\"grid\" x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\"/>\n", area.left, y, right,
        y);
    add(out, "<text class=\"rate\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:.6g}</text>\n", area.left - 8,
        y + 4, rate * i / steps);
    add(out, "<text class=\"time\" x=\"{}\" y=\"{:.1f}\">{:.4g}</text>\n", right + 8, y + 4,
        time * i / steps);
  }
  add(out, "<line class=\"axis\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n", area.left, bottom, right,
      bottom);
  double last_label = -100;
  for (const auto& [size, round] : results) {
    const double x = x_of(size, results, area);
    if (x - last_label < 24) continue;  // there is no room for it
    last_label = x;
    add(out, "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", x, bottom + 18, size);
  }
  add(out, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">connections</text>\n", area.left + area.width / 2,
      bottom + 38);
  const double place = x_of(advice, results, area);
  add(out, "<line class=\"advice\" x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2}\"/>\n", place, area.top,
      bottom);
  add(out, "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">max_size={}</text>\n", place, area.top - 6,
      advice);
  draw_line(out, results, &TuneRound::per_second, rate, "rate", area);
  draw_line(out, results, &TuneRound::p99_ms, time, "time", area);
  add(out, "<text class=\"rate\" x=\"8\" y=\"42\">requests/s</text>\n");
  add(out, "<text class=\"time\" x=\"{}\" y=\"42\" text-anchor=\"end\">99 % within ms</text>\n", 632);
  return out + "</svg>\n";
}

}  // namespace copg::tools
