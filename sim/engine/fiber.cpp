#include "sim/engine/fiber.hpp"

#include <cxxabi.h>
#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define COPG_SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COPG_SIM_ASAN 1
#endif
#endif
#ifdef COPG_SIM_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace copg::sim {

namespace {

#ifdef COPG_SIM_ASAN
constexpr std::size_t stack_size = std::size_t{512} << 10;
#else
constexpr std::size_t stack_size = std::size_t{128} << 10;
#endif

/// Tells the address sanitizer of a switch from one stack to another.
class Side {
 public:
  void leaves_for([[maybe_unused]] const Side& other) noexcept {
#ifdef COPG_SIM_ASAN
    __sanitizer_start_switch_fiber(&fake_stack_, other.bottom, other.size);
#endif
  }
  void is_back([[maybe_unused]] Side& other) noexcept {
#ifdef COPG_SIM_ASAN
    __sanitizer_finish_switch_fiber(fake_stack_, &other.bottom, &other.size);
#endif
  }

  const void* bottom = nullptr;
  std::size_t size = 0;

 private:
  [[maybe_unused]] void* fake_stack_ = nullptr;
};

/// What the language runtime keeps for each thread of exceptions that are being thrown and handled.
class Exceptions {
 public:
  void swap() noexcept {
    std::array<std::byte, size> of_thread{};
    std::memcpy(of_thread.data(), abi::__cxa_get_globals(), size);
    std::memcpy(abi::__cxa_get_globals(), kept_.data(), size);
    kept_ = of_thread;
  }

 private:
  static constexpr std::size_t size = sizeof(void*) + sizeof(unsigned);  // Itanium C++ ABI: EH, 2.2.2
  std::array<std::byte, size> kept_{};
};

}  // namespace

class Fiber::Stack {
 public:
  Stack() {
    boost::context::protected_fixedsize_stack allocator(stack_size);
    const boost::context::stack_context memory = allocator.allocate();
    own_.size = memory.size;
    own_.bottom = static_cast<const char*>(memory.sp) - memory.size;
    inside_ = boost::context::fiber(std::allocator_arg,
                                    boost::context::preallocated(memory.sp, memory.size, memory), allocator,
                                    [this](boost::context::fiber&& outside) {
                                      outside_ = std::move(outside);
                                      own_.is_back(other_);
                                      for (;;) work();
                                      return std::move(outside_);
                                    });
  }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack() = delete;  // it never ends

  /// Lets the fiber begin with `body`, or go on if there is none.
  bool go(std::function<void()> body) {
    if (body) body_ = std::move(body);
    Stack* const before = std::exchange(current, this);
    exceptions_.swap();
    other_.leaves_for(own_);
    inside_ = std::move(inside_).resume();
    other_.is_back(own_);
    exceptions_.swap();
    current = before;
    return !running_;
  }
  void leave() {
    own_.leaves_for(other_);
    outside_ = std::move(outside_).resume();
    own_.is_back(other_);
  }

  static thread_local Stack* current;

 private:
  void work() {
    running_ = true;
    body_();
    body_ = nullptr;
    running_ = false;
    leave();
  }

  boost::context::fiber inside_;
  boost::context::fiber outside_;
  Side own_;
  Side other_;
  Exceptions exceptions_;
  std::function<void()> body_;
  bool running_ = false;
};

thread_local Fiber::Stack* Fiber::Stack::current = nullptr;

Fiber::Fiber() : stack_(new Stack) {}
bool Fiber::start(std::function<void()> body) { return stack_->go(std::move(body)); }
bool Fiber::resume() { return stack_->go({}); }
void Fiber::leave() { Stack::current->leave(); }

namespace {

std::vector<Fiber*>& spare_fibers() {
  thread_local auto& spare = *new std::vector<Fiber*>;
  return spare;
}

}  // namespace

Fiber& Fiber::take() {
  auto& spare = spare_fibers();
  if (spare.empty()) return *new Fiber;
  Fiber& fiber = *spare.back();
  spare.pop_back();
  return fiber;
}

void Fiber::give_back(Fiber& fiber) { spare_fibers().push_back(&fiber); }

}  // namespace copg::sim
