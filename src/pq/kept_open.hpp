// What callers keep open on a connection from call to call: an exchange whose answers are taken bit by bit,
// and the portals of a transaction. Each caller holds a keeper. Once that is gone, nobody will go on with
// what it kept, and the next statement ends it first. So letting go needs neither the connection nor its
// lease, and any thread may do it.
#pragma once

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace copg::pq {

using Keeper = std::shared_ptr<const void>;

class KeptOpen {
 public:
  /// The operation that is under way ends, and its exchange stays open. `what`: "a stream of rows".
  /// `within_transaction`: a transaction is open around it, which it does not end.
  void keep_exchange(const Keeper& keeper, const char* what, bool within_transaction = false) noexcept {
    exchange_ = keeper;
    what_ = what;
    within_transaction_ = within_transaction;
  }
  /// Another operation goes on with it.
  void take_up_exchange() noexcept { what_ = nullptr; }
  [[nodiscard]] bool keeps_exchange() const noexcept { return what_ != nullptr; }
  [[nodiscard]] bool within_transaction() const noexcept { return within_transaction_; }
  [[nodiscard]] bool is_exchange_of(const Keeper& keeper) const noexcept {
    return keeps_exchange() && exchange_.lock() == keeper;
  }
  /// The `what` of the exchange that its caller will go on with; nullptr: there is none.
  [[nodiscard]] const char* what() const noexcept { return exchange_.expired() ? nullptr : what_; }

  void add_portal(const Keeper& keeper, std::string name) { portals_.push_back({keeper, std::move(name)}); }
  void remove_portal(std::string_view name) noexcept {
    std::erase_if(portals_, [&](const Portal& it) { return it.name == name; });
  }
  /// Takes out the names of those that nobody will go on with.
  [[nodiscard]] std::vector<std::string> take_portals_left() {
    std::vector<std::string> names;
    for (Portal& portal : portals_)
      if (is_left(portal)) names.push_back(std::move(portal.name));
    std::erase_if(portals_, is_left);
    return names;
  }

  [[nodiscard]] bool has_leftovers() const noexcept {
    return (keeps_exchange() && exchange_.expired()) || std::ranges::any_of(portals_, is_left);
  }
  /// Nothing is outstanding any more. Portals end with their transaction.
  void on_idle(bool in_transaction) noexcept {
    what_ = nullptr;
    if (!in_transaction) portals_.clear();
  }
  /// ROLLBACK TO SAVEPOINT and CLOSE may have ended portals, and to close one that is gone would fail the
  /// transaction. So all are left to its end.
  void note_statement(std::string_view command_tag) noexcept {
    if (command_tag == "ROLLBACK" || command_tag.starts_with("CLOSE CURSOR")) portals_.clear();
  }

 private:
  struct Portal {
    std::weak_ptr<const void> keeper;
    std::string name;
  };
  static bool is_left(const Portal& portal) noexcept { return portal.keeper.expired(); }

  std::weak_ptr<const void> exchange_;
  const char* what_ = nullptr;
  bool within_transaction_ = false;
  std::vector<Portal> portals_;
};

}  // namespace copg::pq
