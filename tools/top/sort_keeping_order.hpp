// std::stable_sort, which GCC 12's library writes with a function that newer compilers warn about.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace copg::tools {

/// Elements of which neither comes before the other keep their order.
template <class T, class Before>
void sort_keeping_order(std::vector<T>& elements, const Before& before) {
  std::vector<std::size_t> order(elements.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (before(elements[a], elements[b])) return true;
    return !before(elements[b], elements[a]) && a < b;
  });
  std::vector<T> result;
  result.reserve(elements.size());
  for (const std::size_t place : order) result.push_back(std::move(elements[place]));
  elements = std::move(result);
}

}  // namespace copg::tools
