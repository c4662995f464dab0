// The lease of a host, which its destructor gives back.
#pragma once

#include <memory>
#include <utility>

#include "routing/router.hpp"

namespace copg::routing {

class HeldHost {
 public:
  HeldHost(std::shared_ptr<Router> router, HostLease lease)
      : router_(std::move(router)), lease_(std::move(lease)) {}
  HeldHost(const HeldHost&) = delete;
  HeldHost& operator=(const HeldHost&) = delete;
  ~HeldHost() {
    if (lease_) router_->release(lease_);
  }
  [[nodiscard]] HostLease& operator*() noexcept { return lease_; }

 private:
  const std::shared_ptr<Router> router_;
  HostLease lease_;
};

}  // namespace copg::routing
