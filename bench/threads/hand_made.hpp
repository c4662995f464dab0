// What the contestants have in common whose pool is `acquire` and `release`, and nothing else.
#pragma once

#include <deque>

#include "threads/contestant.hpp"

namespace copg::bench {

template <class Pool, class Session>
class HandMade : public Contestant {
 public:
  void select(int row) final { lease_select(row); }
  void lease(int count) final {
    for (int i = 0; i < count; ++i) const Lease lease(pool_);
  }
  void hold_all(const std::function<void()>& meanwhile) final {
    std::deque<Lease> leases;
    for (int i = 0; i < size_; ++i) leases.emplace_back(pool_);
    meanwhile();
  }

 protected:
  class Lease {
   public:
    explicit Lease(Pool& pool) : pool_(pool), session_(pool.acquire()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.release(session_); }
    Session& operator*() const { return session_; }

   private:
    Pool& pool_;
    Session& session_;
  };

  void add(Session& session) {
    pool_.add(session);
    ++size_;
  }
  [[nodiscard]] Lease take() { return Lease(pool_); }

 private:
  Pool pool_;
  int size_ = 0;
};

}  // namespace copg::bench
