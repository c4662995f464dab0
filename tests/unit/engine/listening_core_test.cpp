// What listeners are told, call by call, and against a naive model in seeded disorder.
#include "engine/listening/listening_core.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace copg::engine {
namespace {

using namespace std::chrono_literals;
using Kind = ListeningCore::Action::Kind;
using Names = std::vector<std::string>;

constexpr pool::TimePoint start{};

ErrorInfo trouble(const std::string& words = "it broke") {
  return {.kind = ErrorKind::connection_failed, .message = words, .connection_survives = false};
}

/// Does what `next` asks for, as a server that is well does.
void settle(ListeningCore& core, pool::TimePoint now = start) {
  for (;;) {
    switch (core.next(now).kind) {
      case Kind::connect: core.on_connected(); break;
      case Kind::send: core.on_acknowledged(); break;
      case Kind::close: break;
      case Kind::none: return;
    }
  }
}

std::string shown(const std::optional<Arrival>& arrival) {
  if (!arrival) return "nothing";
  if (const auto* const notification = std::get_if<Notification>(&*arrival)) return notification->payload;
  const Gap& gap = std::get<Gap>(*arrival);
  return (gap.reconnected ? "reconnected, " : "") + std::to_string(gap.dropped) + " dropped";
}

TEST(ListeningCore, connects_for_the_first_listener_and_closes_after_the_last) {
  ListeningCore core(1);
  EXPECT_EQ(core.next(start).kind, Kind::none);
  const auto one = core.open({"a"}, 9);
  EXPECT_EQ(core.next(start).kind, Kind::connect);
  EXPECT_EQ(core.next(start).kind, Kind::none);
  core.on_connected();
  const auto action = core.next(start);
  EXPECT_EQ(action.kind, Kind::send);
  EXPECT_EQ(action.listen, Names{"a"});
  EXPECT_FALSE(core.ready(one));
  core.on_acknowledged();
  EXPECT_TRUE(core.ready(one));
  const auto two = core.open({"a"}, 9);
  EXPECT_TRUE(core.ready(two));  // nothing needs to be sent
  EXPECT_EQ(core.next(start).kind, Kind::none);
  core.close(one);
  EXPECT_EQ(core.next(start).kind, Kind::none);
  core.close(two);
  EXPECT_EQ(core.next(start).kind, Kind::close);
  EXPECT_EQ(core.next(start).kind, Kind::none);
}

TEST(ListeningCore, sends_only_the_first_listen_and_the_last_unlisten) {
  ListeningCore core(1);
  const auto one = core.open({"a", "b"}, 9);
  const auto two = core.open({"b"}, 9);
  settle(core);
  core.remove(one, "b");
  EXPECT_EQ(core.next(start).kind, Kind::none);
  core.remove(two, "b");
  core.add(one, "c");
  const auto action = core.next(start);
  EXPECT_EQ(action.listen, Names{"c"});
  EXPECT_EQ(action.unlisten, Names{"b"});
  core.add(two, "b");  // while UNLISTEN is on its way
  EXPECT_FALSE(core.ready(two));
  EXPECT_EQ(core.next(start).kind, Kind::none);
  core.on_acknowledged();
  EXPECT_FALSE(core.ready(two));
  EXPECT_EQ(core.next(start).listen, Names{"b"});
  core.on_acknowledged();
  EXPECT_TRUE(core.ready(two));
}

TEST(ListeningCore, tells_of_a_lost_connection_once_it_listens_again) {
  ListeningCore core(1);
  const auto old = core.open({"a"}, 9);
  settle(core);
  core.on_lost(start, trouble());
  const auto young = core.open({"a"}, 9);
  EXPECT_FALSE(core.has_arrival(old));
  settle(core, start + 1h);
  EXPECT_EQ(shown(core.take(old)), "reconnected, 0 dropped");
  EXPECT_FALSE(core.has_arrival(old));
  EXPECT_FALSE(core.has_arrival(young));  // it has missed nothing
  EXPECT_EQ(core.lost(), 1U);
}

TEST(ListeningCore, tells_of_a_lost_connection_also_where_nothing_had_to_be_sent) {
  ListeningCore core(1);
  (void)core.open({"a", "b"}, 9);
  settle(core);
  const auto at_once = core.open({"a"}, 9);
  const auto after_remove = core.open({"a", "c"}, 9);
  core.remove(after_remove, "c");
  EXPECT_TRUE(core.ready(after_remove));
  core.on_lost(start, trouble());
  settle(core, start + 1h);
  EXPECT_EQ(shown(core.take(at_once)), "reconnected, 0 dropped");
  EXPECT_EQ(shown(core.take(after_remove)), "reconnected, 0 dropped");
}

TEST(ListeningCore, puts_a_gap_in_front_of_what_is_heard_again) {
  ListeningCore core(1);
  const auto id = core.open({"a"}, 9);
  settle(core);
  core.on_lost(start, trouble());
  ASSERT_EQ(core.next(start + 1h).kind, Kind::connect);
  core.on_connected();
  ASSERT_EQ(core.next(start + 1h).kind, Kind::send);
  core.add(id, "late");  // too late for what is on its way
  core.on_acknowledged();
  EXPECT_FALSE(core.ready(id));
  core.on_notifications({{"a", "1", 7}});
  EXPECT_EQ(shown(core.take(id)), "reconnected, 0 dropped");
  EXPECT_EQ(shown(core.take(id)), "1");
}

TEST(ListeningCore, drops_what_a_full_queue_cant_hold_and_counts_it_where_it_stood) {
  ListeningCore core(1);
  const auto id = core.open({"a"}, 2);
  settle(core);
  core.on_notifications({{"a", "1", 7}, {"a", "2", 7}, {"a", "3", 7}, {"b", "x", 7}, {"a", "4", 7}});
  EXPECT_EQ(shown(core.take(id)), "1");
  core.on_notifications({{"a", "5", 7}, {"a", "6", 7}});
  EXPECT_EQ(shown(core.take(id)), "2");
  EXPECT_EQ(shown(core.take(id)), "2 dropped");
  EXPECT_EQ(shown(core.take(id)), "5");
  EXPECT_EQ(shown(core.take(id)), "1 dropped");
  EXPECT_EQ(shown(core.take(id)), "nothing");
  EXPECT_EQ(core.received(), 7U);
  EXPECT_EQ(core.dropped(), 3U);
}

TEST(ListeningCore, tries_again_later_and_later_while_no_connect_succeeds) {
  ListeningCore core(1);
  const auto id = core.open({"a"}, 9);
  settle(core);
  core.on_lost(start, trouble());
  pool::TimePoint now = start;
  pool::Duration longest{};
  for (int i = 0; i < 40; ++i) {
    now = std::max(now, core.next_deadline());
    ASSERT_EQ(core.next(now).kind, Kind::connect);
    core.on_connect_failed(now, pool::ConnectFailure::transient, trouble());
    if (core.next_deadline() > now) {
      EXPECT_EQ(core.next(now).kind, Kind::none);
    }
    longest = std::max(longest, core.next_deadline() - now);
  }
  EXPECT_GT(longest, 500ms);
  EXPECT_LE(longest, 5s);
  EXPECT_EQ(core.refusal(id), nullptr);
  EXPECT_EQ(core.last_error()->message, "it broke");
}

TEST(ListeningCore, refuses_only_those_that_have_not_listened_yet) {
  ListeningCore core(1);
  const auto old = core.open({"a"}, 9);
  settle(core);
  core.on_lost(start, trouble());
  const auto young = core.open({"b"}, 9);
  ASSERT_EQ(core.next(start + 1h).kind, Kind::connect);
  core.on_connect_failed(start + 1h, pool::ConnectFailure::configuration, trouble("wrong password"));
  ASSERT_NE(core.refusal(young), nullptr);
  EXPECT_EQ(core.refusal(young)->message, "wrong password");
  EXPECT_EQ(core.refusal(old), nullptr);
  settle(core, start + 2h);
  EXPECT_EQ(shown(core.take(old)), "reconnected, 0 dropped");
}

TEST(ListeningCore, does_nothing_more_once_it_has_ended) {
  ListeningCore core(1);
  const auto id = core.open({"a"}, 9);
  settle(core);
  EXPECT_EQ(core.take_touched(), (std::vector<ListeningCore::Id>{id}));
  core.end();
  EXPECT_EQ(core.take_touched(), (std::vector<ListeningCore::Id>{id}));
  EXPECT_EQ(core.next(start).kind, Kind::close);
  EXPECT_EQ(core.next(start + 1h).kind, Kind::none);
  EXPECT_EQ(core.next_deadline(), pool::never);
}

// --- disorder

/// A server with one connection, and what each listener must be told, in the simplest way.
class Disorder {
 public:
  explicit Disorder(std::uint64_t seed) : random_(seed), core_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) step();
    for (int i = 0; i < 20; ++i) serve(true);
    for (auto& [id, watched] : watched_) {
      while (take(id, watched)) continue;
      expect_nothing_missing(watched);
    }
  }

 private:
  struct Watched {
    std::set<std::string> channels{};
    std::deque<int> owed{};  // sent while it was ready, and not told of yet
    int missing = 0;         // of these, passed over since the last notification that it got
    bool reconnect_owed = false;
    bool excused = false;  // by a gap after a reconnect, since the last notification that it got
    std::uint64_t dropped = 0;
    bool was_ready = false;
  };

  int choose(int below) { return static_cast<int>(random_.unit() * below); }
  std::string a_channel() { return std::string(1, static_cast<char>('a' + choose(4))); }

  void step() {
    now_ += std::chrono::milliseconds(choose(20));
    switch (choose(9)) {
      case 0: {
        if (watched_.size() > 4) break;
        const Names channels{a_channel(), a_channel()};
        Watched watched{.channels = {channels.begin(), channels.end()}};
        watched_.emplace(core_.open(channels, static_cast<std::size_t>(1 + choose(6))), watched);
        break;
      }
      case 1:
        if (watched_.empty() || choose(4) != 0) break;
        core_.close(watched_.begin()->first);
        watched_.erase(watched_.begin());
        break;
      case 2:
        for (auto& [id, watched] : watched_) {
          const std::string channel = a_channel();
          if (choose(3) != 0) continue;
          if (choose(2) != 0) {
            core_.add(id, channel);
            watched.channels.insert(channel);
          } else {
            core_.remove(id, channel);
            watched.channels.erase(channel);
            // What was sent and has not come in is not owed any more.
            std::erase_if(watched.owed,
                          [&](int n) { return sent_[n] == channel && !delivered_.contains(n); });
          }
        }
        break;
      case 3:
      case 4: send(); break;
      case 5:
        for (auto& [id, watched] : watched_) {
          if (choose(2) != 0) take(id, watched);
        }
        break;
      case 6: lose(); break;
      default: serve(choose(8) != 0); break;
    }
    note_ready();
  }

  /// Somebody sends; the server puts it on the wire if the session listens.
  void send() {
    const std::string channel = a_channel();
    const int number = ++last_;
    sent_[number] = channel;
    for (auto& [id, watched] : watched_) {
      if (watched.channels.contains(channel) && core_.ready(id)) watched.owed.push_back(number);
    }
    if (up_ && server_listens_.contains(channel)) wire_.push_back({channel, std::to_string(number), 1});
  }

  void lose() {
    if (!up_ || choose(4) != 0) return;
    up_ = false;
    for (auto& [id, watched] : watched_) watched.reconnect_owed = watched.reconnect_owed || watched.was_ready;
    server_listens_.clear();
    wire_.clear();
    answer_due_ = connect_due_ = false;
    core_.on_lost(now_, trouble());
  }

  void serve(bool well) {
    if (!wire_.empty()) {
      for (const Notification& each : wire_) delivered_.insert(std::stoi(each.payload));
      core_.on_notifications({wire_.begin(), wire_.end()});
      wire_.clear();
    }
    if (connect_due_) {
      connect_due_ = false;
      up_ = well;
      well ? core_.on_connected() : core_.on_connect_failed(now_, pool::ConnectFailure::transient, trouble());
    } else if (answer_due_) {
      answer_due_ = false;
      for (const std::string& channel : asked_.listen) server_listens_.insert(channel);
      for (const std::string& channel : asked_.unlisten) server_listens_.erase(channel);
      core_.on_acknowledged();
    }
    now_ = std::max(now_, core_.next_deadline() == pool::never ? now_ : core_.next_deadline());
    const auto action = core_.next(now_);
    switch (action.kind) {
      case Kind::connect: connect_due_ = true; break;
      case Kind::send:
        answer_due_ = true;
        asked_ = action;
        break;
      case Kind::close:
        ASSERT_TRUE(watched_.empty());
        up_ = connect_due_ = answer_due_ = false;
        server_listens_.clear();
        wire_.clear();
        break;
      case Kind::none: break;
    }
  }

  void note_ready() {
    for (auto& [id, watched] : watched_) watched.was_ready = watched.was_ready || core_.ready(id);
  }

  bool take(ListeningCore::Id id, Watched& watched) {
    const auto arrival = core_.take(id);
    if (!arrival) return false;
    if (const auto* const gap = std::get_if<Gap>(&*arrival)) {
      EXPECT_TRUE(gap->reconnected || gap->dropped > 0);
      if (gap->reconnected) {
        EXPECT_TRUE(watched.reconnect_owed) << "nothing was lost";
        watched.excused = true;
      }
      watched.dropped += gap->dropped;
      return true;
    }
    const int number = std::stoi(std::get<Notification>(*arrival).payload);
    // Some come to a listener that was not owed them: sent while it was not ready yet, or excused.
    while (!watched.owed.empty() && watched.owed.front() <= number) {
      if (watched.owed.front() != number) ++watched.missing;
      watched.owed.pop_front();
    }
    expect_excused(watched);
    return true;
  }

  /// Each notification that it did not get has a gap in its place, which counts it unless the connection was
  /// replaced.
  static void expect_excused(Watched& watched) {
    if (!watched.excused) {
      EXPECT_LE(static_cast<std::uint64_t>(watched.missing), watched.dropped);
    }
    watched.missing = 0;
    watched.dropped = 0;
    watched.excused = false;
  }

  static void expect_nothing_missing(Watched& watched) {
    watched.missing += static_cast<int>(watched.owed.size());
    expect_excused(watched);
  }

  pool::Random random_;
  ListeningCore core_;
  pool::TimePoint now_ = start;
  std::map<ListeningCore::Id, Watched> watched_;
  bool up_ = false;
  bool connect_due_ = false;
  bool answer_due_ = false;
  ListeningCore::Action asked_;
  std::set<std::string> server_listens_;
  std::deque<Notification> wire_;
  std::map<int, std::string> sent_;
  std::set<int> delivered_;
  int last_ = 0;
};

TEST(ListeningCore, leaves_nothing_out_without_a_gap_in_its_place) {
  for (std::uint64_t seed = 1; seed <= 2000 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Disorder(seed).run(200);
  }
}

}  // namespace
}  // namespace copg::engine
