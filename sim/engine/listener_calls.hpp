// What callers on an event loop do with listeners in the simulation of the engine.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/listening/listening.hpp"
#include "sim/engine/call.hpp"
#include "sim/engine/ear.hpp"

namespace copg::sim {

/// A listener in the hands of callers.
struct OpenEar {
  std::shared_ptr<engine::OpenListener> listener;
  Ear ear;
  bool adding = false;   // a call waits for channels
  bool waiting = false;  // a call waits for what comes
  bool over = false;     // it has never listened, or was closed
};

/// Waits until a listener is ready: a new one, or one with channels that were added.
class ListenCall final : public engine::ListenerReadyKind<Call> {
 public:
  ListenCall(Home home, Duration timeout, std::shared_ptr<OpenEar> ear, std::vector<std::string> added)
      : ListenerReadyKind(home, timeout, ear->listener, added),
        ear_(std::move(ear)),
        added_(std::move(added)) {
    ear_->adding = true;
  }
  ~ListenCall() override {
    clean_up();
    ear_->adding = false;
    if (ready_) return;
    if (added_.empty()) ear_->over = true;
    for (const std::string& channel : added_) ear_->ear.left(channel);
  }

 private:
  void take_result() override {
    ListenerReadyKind::take_result();
    ready_ = true;
    ear_->ear.ready();
  }

  const std::shared_ptr<OpenEar> ear_;
  const std::vector<std::string> added_;
  bool ready_ = false;
};

class NextCall final : public engine::ArrivalKind<Call> {
 public:
  NextCall(Home home, Duration timeout, std::shared_ptr<OpenEar> ear)
      : ArrivalKind(home, timeout, ear->listener), ear_(std::move(ear)) {
    ear_->waiting = true;
  }
  ~NextCall() override {
    clean_up();
    ear_->waiting = false;
  }

 private:
  void take_result() override {
    if (const auto arrival = listener()->take()) ear_->ear.hear(*arrival);
  }

  const std::shared_ptr<OpenEar> ear_;
};

}  // namespace copg::sim
