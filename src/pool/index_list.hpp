// A doubly linked list through the elements of a table, by index: O(1) at both ends and for unlinking, no
// allocation, and no pointer that a growing table could invalidate. The table owns the elements; each carries
// one Links per list.
#pragma once

#include <cstdint>

#include "pool/invariant.hpp"

namespace copg::pool {

/// No element.
inline constexpr std::uint32_t no_index = UINT32_MAX;

struct Links {
  std::uint32_t prev = no_index;
  std::uint32_t next = no_index;
};

/// `Table` is a vector; `Member` the Links of this list in its elements.
template <class Table, auto Member>
class IndexList {
 public:
  [[nodiscard]] bool empty() const { return front_ == no_index; }
  [[nodiscard]] std::uint32_t front() const { return front_; }
  [[nodiscard]] std::uint32_t back() const { return back_; }
  [[nodiscard]] std::uint32_t size() const { return size_; }
  static std::uint32_t next(const Table& table, std::uint32_t index) { return (table[index].*Member).next; }

  void push_front(Table& table, std::uint32_t index) { insert_before(table, front_, index); }
  void push_back(Table& table, std::uint32_t index) { insert_before(table, no_index, index); }

  /// Puts `index` before `position`; before `no_index` is the end.
  void insert_before(Table& table, std::uint32_t position, std::uint32_t index) {
    const std::uint32_t before = position == no_index ? back_ : (table[position].*Member).prev;
    (table[index].*Member) = {.prev = before, .next = position};
    (before == no_index ? front_ : (table[before].*Member).next) = index;
    (position == no_index ? back_ : (table[position].*Member).prev) = index;
    ++size_;
  }

  void erase(Table& table, std::uint32_t index) {
    invariant(size_ > 0, "a list that is taken from is not empty");
    const Links links = table[index].*Member;
    (links.prev == no_index ? front_ : (table[links.prev].*Member).next) = links.next;
    (links.next == no_index ? back_ : (table[links.next].*Member).prev) = links.prev;
    --size_;
  }

  std::uint32_t pop_front(Table& table) {
    const std::uint32_t index = front_;
    erase(table, index);
    return index;
  }

 private:
  std::uint32_t front_ = no_index;
  std::uint32_t back_ = no_index;
  std::uint32_t size_ = 0;
};

}  // namespace copg::pool
