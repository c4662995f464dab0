// What copg top makes of documents and sessions, without a terminal: tables, keys, texts that nobody should
// trust.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "tools/top/documents.hpp"
#include "tools/top/harmless_text.hpp"
#include "tools/top/monitor_address.hpp"
#include "tools/top/monitor_picture.hpp"
#include "tools/top/server_picture.hpp"
#include "tools/top/table.hpp"
#include "tools/top/view.hpp"

namespace copg::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* document_text = R"json({"version":1,
  "process":{"pid":4711,"host":"","program":"shop","started":1000},"time":2000,"news":{"of":"later"},
  "pools":[{"name":"orders","min_size":1,"max_size":4,
    "connections":{"idle":0,"leased":3,"connecting":1,"resetting":0,"checking":0,"closing":0},
    "waiters":{"connection":2,"statement":1},
    "minute":{"seconds":60,"requests_per_second":120.4,"waited":0.31,"wait":{"p50":0.004,"p99":1.5,"count":9}},
    "leases":[
      {"connection":1,"backend_pid":900,"name":"import","place":"a.py:3 in f","holder":"thread 1","age":31.5,
       "idle":30.0,"held_idle":true,"transaction":"open","statement":null},
      {"connection":2,"backend_pid":901,"name":"","place":"b.py:4 in g","holder":"thread 2","age":2.0,"idle":null,
       "held_idle":false,"transaction":"none","statement":"SELECT 1"}],
    "leases_total":3,
    "waiting":[{"kind":"connection","age":5.0,"place":"c.py:5 in h","holder":"thread 3","statement":null}],
    "slowest":[{"time":1999,"seconds":2.5,"statement":"SELECT pg_sleep(2.5)","connection":2}],
    "errors":[{"time":1998,"kind":"pool_timeout","sqlstate":"","message":"no connection for 5 s"}],
    "closes":[{"time":1999,"connection":3,"reason":"broken","last_words":"57P01 terminating connection"}],
    "advice":{"max_size":7,"text":"7 connections would do"},
    "health":{"ok":false,"reason":"all 4 connections are leased, and callers wait for 5 s"}}]})json";

WatchedProcess watched(const char* text = document_text) {
  TopProcess process = read_document(parse_document(text));
  return {.address = "/run/x.sock", .name = name_of(process), .process = std::move(process)};
}

std::string all_of(const std::vector<Line>& lines) {
  std::string result;
  for (const Line& line : lines) result += plain_text(line) + '\n';
  return result;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

Key character(char c) { return {.character = c}; }
Key special(SpecialKey key) { return {.special = key}; }

class TopView : public ::testing::Test {
 protected:
  TopView() { view.show(picture_of({watched()})); }
  std::string screen(ScreenSize size = {.lines = 24, .columns = 160}) { return all_of(view.compose(size)); }
  void type(std::string_view text) {
    for (const char c : text) view.press(character(c));
  }

  View view{1, true, Charset::utf8};
};

TEST(TopDocument, a_document_is_read_with_all_that_it_says) {
  const TopProcess process = read_document(parse_document(document_text));
  EXPECT_EQ(process.pid, 4711);
  ASSERT_EQ(process.pools.size(), 1U);
  const TopPool& pool = process.pools.front();
  EXPECT_EQ(pool.connections.leased, 3U);
  EXPECT_EQ(pool.waiters_with_statement, 1U);
  EXPECT_DOUBLE_EQ(pool.wait.p99, 1.5);
  ASSERT_EQ(pool.leases.size(), 2U);
  EXPECT_EQ(pool.leases[0].idle, 30.0);
  EXPECT_FALSE(pool.leases[0].statement);
  EXPECT_FALSE(pool.leases[1].idle);
  EXPECT_EQ(pool.leases_total, 3U);
  ASSERT_EQ(pool.troubles.size(), 2U);
  EXPECT_EQ(pool.troubles[0].connection, 3U) << "the newest is first";
  EXPECT_FALSE(pool.healthy);
}

TEST(TopDocument, advice_is_kept_only_where_something_is_to_be_done) {
  for (const char* verdict : {"fits", "unknown", "too_small"}) {
    const std::string text =
        std::string(R"({"version":1,"pools":[{"advice":{"text":"x","verdict":")") + verdict + R"("}}]})";
    const TopProcess process = read_document(parse_document(text));
    EXPECT_EQ(process.pools.at(0).advice, std::string_view(verdict) == "too_small" ? "x" : "");
  }
}

TEST(TopDocument, what_is_missing_or_of_another_type_has_its_default) {
  const TopProcess process = read_document(
      parse_document(R"({"version":1,"pools":[{"name":7,"max_size":-1,"leases":[{}, 3],"waiters":[]}]})"));
  ASSERT_EQ(process.pools.size(), 1U);
  EXPECT_EQ(process.pools[0].max_size, 0U);
  EXPECT_EQ(process.pools[0].leases.size(), 2U);
  EXPECT_TRUE(process.pools[0].healthy);
}

TEST(TopDocument, another_version_and_another_programs_answer_are_refused) {
  EXPECT_THROW(parse_document("<html>"), UnknownDocument);
  EXPECT_THROW(read_document(parse_document("[]")), UnknownDocument);
  EXPECT_THROW(read_document(parse_document(R"({"status":"ok"})")), UnknownDocument);
  EXPECT_THROW(read_document(parse_document(R"({"version":2,"pools":[]})")), UnknownDocument);
}

TEST(HarmlessText, nothing_in_it_can_steer_a_terminal) {
  EXPECT_EQ(harmless("a\x1b[31mb\x07"), "a\uFFFD[31mb\uFFFD");
  EXPECT_EQ(harmless("a\nb\tc\rd"), "a b c d");
  EXPECT_EQ(harmless("\xC2\x9B"
                     "31m"),
            "\uFFFD31m")
      << "CSI of 8 bits";
  EXPECT_EQ(harmless("\xFF\xC0\xAF\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD") << "not UTF-8";
  EXPECT_EQ(harmless("x\u202Ey\u200Bz\u0301"), "x\uFFFDyz") << "turned round, or without a width";
  EXPECT_EQ(harmless("caf\u00E9 \u65E5"), "caf\u00E9 \u65E5");
  EXPECT_EQ(harmless("caf\u00E9 \x1b", Charset::ascii), "caf? ?");
}

TEST(HarmlessText, a_wide_character_takes_two_places_and_is_not_cut_in_half) {
  EXPECT_EQ(width_of("\u65E5\u672C"), 4);
  EXPECT_EQ(cut_to("\u65E5\u672C\u8A9E", 4), "\u65E5…");
  EXPECT_EQ(cut_to("\u65E5\u672C\u8A9E", 6), "\u65E5\u672C\u8A9E");
  EXPECT_EQ(cut_to("abcdef", 4), "abc…");
  EXPECT_EQ(cut_to("abcdef", 4, Charset::ascii), "abc~");
  EXPECT_EQ(cut_to("abc", 0), "");
}

TEST(TopTable, times_have_the_unit_that_fits) {
  EXPECT_EQ(time_text(0.000012), "12 us");
  EXPECT_EQ(time_text(0.0042), "4.2 ms");
  EXPECT_EQ(time_text(0.42), "420 ms");
  EXPECT_EQ(time_text(31.5), "31.5 s");
  EXPECT_EQ(time_text(125), "2 min 5 s");
  EXPECT_EQ(time_text(7261), "2 h 1 min");
  EXPECT_EQ(time_text(-1), "0 ms");
}

TEST(TopTable, rows_are_sorted_by_what_they_mean_and_not_by_their_text) {
  Table table{.columns = {{"AGE", true}}, .rows = {{time_cell(0.9)}, {time_cell(31)}, {time_cell(4)}}};
  table = sorted(std::move(table), 0, true);
  EXPECT_EQ(table.rows[0][0].text, "31.0 s");
  EXPECT_EQ(table.rows[2][0].text, "900 ms");
}

TEST(TopBar, each_connection_has_a_letter_and_of_many_each_state_has_one) {
  TopPool pool{.max_size = 6, .connections = {.idle = 1, .leased = 2, .connecting = 1}};
  EXPECT_EQ(bar_of(pool, 20), "LLci..");
  pool.max_size = 1000;
  EXPECT_EQ(bar_of(pool, 20).substr(0, 4), "Lci.");
  EXPECT_EQ(bar_of(pool, 20).size(), 20U);
  pool.connections = {.leased = 1000};
  EXPECT_EQ(bar_of(pool, 20), std::string(20, 'L'));
}

TEST_F(TopView, the_screen_names_the_cause_at_a_glance) {
  const std::string text = screen();
  EXPECT_TRUE(contains(text, "1 process, 1 pool")) << text;
  EXPECT_TRUE(contains(text, "LLLc")) << text;
  EXPECT_TRUE(contains(text, "3/4")) << text;
  EXPECT_TRUE(contains(text, "NOT OK")) << text;
  EXPECT_TRUE(contains(text, "all 4 connections are leased, and callers wait for 5 s")) << text;
  EXPECT_TRUE(contains(text, "1 of 3 leased connections run nothing (held idle)")) << text;
  EXPECT_TRUE(contains(text, "7 connections would do")) << text;
  EXPECT_TRUE(contains(text, "HELD IDLE 30.0 s")) << text;
  EXPECT_LT(text.find("a.py:3 in f 'import'"), text.find("b.py:4 in g")) << "the oldest lease is first\n"
                                                                         << text;
}

TEST_F(TopView, it_has_as_many_lines_as_the_screen_and_none_is_wider) {
  for (const ScreenSize size :
       {ScreenSize{24, 80}, ScreenSize{5, 20}, ScreenSize{2, 3}, ScreenSize{1, 1}, ScreenSize{60, 300}}) {
    for (const char key : {'h', 'h', '2', '1', '/'}) {
      view.press(character(key));
      const std::vector<Line> lines = view.compose(size);
      EXPECT_EQ(lines.size(), static_cast<std::size_t>(size.lines));
      for (const Line& line : lines) {
        int width = 0;
        for (const Span& span : line) width += width_of(span.text);
        EXPECT_LE(width, size.columns);
      }
    }
    view.press(special(SpecialKey::escape));
  }
}

TEST_F(TopView, tab_and_digits_choose_the_table) {
  view.press(special(SpecialKey::tab));
  EXPECT_TRUE(contains(screen(), "c.py:5 in h")) << screen();
  view.press(character('3'));
  EXPECT_TRUE(contains(screen(), "SELECT pg_sleep(2.5)")) << screen();
  view.press(special(SpecialKey::tab));
  EXPECT_TRUE(contains(screen(), "closed: broken")) << screen();
  EXPECT_TRUE(contains(screen(), "no connection for 5 s")) << screen();
  view.press(special(SpecialKey::tab));
  EXPECT_TRUE(contains(screen(), "a.py:3 in f")) << "after the last comes the first\n" << screen();
  view.press(special(SpecialKey::back_tab));
  EXPECT_TRUE(contains(screen(), "closed: broken")) << screen();
}

TEST_F(TopView, columns_are_sorted_by_the_keys_of_top) {
  EXPECT_TRUE(contains(screen(), "AGE v")) << screen();
  view.press(character('r'));
  EXPECT_LT(screen().find("b.py:4"), screen().find("a.py:3")) << screen();
  view.press(character('>'));
  EXPECT_TRUE(contains(screen(), "IDLE ^")) << screen();
  view.press(character('<'));
  view.press(character('<'));
  EXPECT_TRUE(contains(screen(), "STATEMENT ^")) << "before the first is the last\n" << screen();
}

TEST_F(TopView, a_filter_leaves_the_rows_with_its_text) {
  type("/B.PY");
  EXPECT_TRUE(contains(screen(), "/B.PY_")) << screen();
  EXPECT_FALSE(contains(screen(), "a.py:3")) << screen();
  view.press(special(SpecialKey::enter));
  type("q/nowhere");
  EXPECT_TRUE(contains(screen(), "No row has that text")) << screen();
  view.press(special(SpecialKey::escape));
  EXPECT_TRUE(contains(screen(), "a.py:3")) << screen();
}

TEST_F(TopView, texts_can_be_switched_off) {
  EXPECT_TRUE(contains(screen(), "SELECT 1"));
  view.press(character('t'));
  EXPECT_FALSE(contains(screen(), "SELECT 1")) << screen();
  view.press(character('>'));
  view.press(character('4'));
  EXPECT_FALSE(contains(screen(), "no connection for 5 s")) << screen();
}

TEST_F(TopView, a_paused_screen_stays_as_it_is) {
  view.press(character('p'));
  view.show(picture_of({}));
  EXPECT_TRUE(contains(screen(), "PAUSED"));
  EXPECT_TRUE(contains(screen(), "a.py:3"));
  view.press(character('p'));
  view.show(picture_of({}));
  EXPECT_FALSE(contains(screen(), "a.py:3"));
}

TEST_F(TopView, enter_shows_a_row_whole_and_q_ends_only_outside_of_it) {
  view.press(special(SpecialKey::down));
  view.press(special(SpecialKey::enter));
  EXPECT_TRUE(contains(screen(), "STATEMENT    SELECT 1")) << screen();
  EXPECT_TRUE(view.press(character('q')));
  EXPECT_TRUE(contains(screen(), "a.py:3")) << screen();
  EXPECT_FALSE(view.press(character('q')));
}

TEST_F(TopView, the_interval_stays_within_its_bounds) {
  for (int i = 0; i < 20; ++i) view.press(character('-'));
  EXPECT_DOUBLE_EQ(view.interval_s(), 0.1);
  for (int i = 0; i < 20; ++i) view.press(character('+'));
  EXPECT_DOUBLE_EQ(view.interval_s(), 60);
}

TEST_F(TopView, a_long_table_is_scrolled_so_that_the_chosen_row_is_seen) {
  WatchedProcess process = watched();
  auto& leases = process.process->pools[0].leases;
  for (int i = 0; i < 200; ++i) {
    leases.push_back(leases[1]);
    leases.back().place = "row" + std::to_string(i) + ".";
    leases.back().age = 1 - i / 1000.0;
  }
  view.show(picture_of({process}));
  view.press(special(SpecialKey::end));
  EXPECT_TRUE(contains(screen(), "row199.")) << screen();
  EXPECT_FALSE(contains(screen(), "a.py:3")) << screen();
  view.press(special(SpecialKey::page_up));
  view.press(special(SpecialKey::page_up));
  EXPECT_FALSE(contains(screen(), "row199.")) << screen();
  view.press(special(SpecialKey::home));
  EXPECT_TRUE(contains(screen(), "a.py:3")) << screen();
}

TEST_F(TopView, a_process_that_went_away_is_named_and_its_rows_are_gone) {
  WatchedProcess process = watched();
  process.trouble = "the process has ended";
  view.show(picture_of({process}));
  EXPECT_TRUE(contains(screen(), "shop 4711: the process has ended")) << screen();
  EXPECT_FALSE(contains(screen(), "a.py:3")) << screen();
}

TEST_F(TopView, hostile_texts_reach_no_screen) {
  WatchedProcess process = watched();
  TopPool& pool = process.process->pools[0];
  pool.name = pool.health_reason = pool.advice = pool.leases[0].place =
      "\x1b]0;owned\x07\x9b"
      "2J\xFF\u202E";
  pool.leases[0].statement = pool.troubles[0].message = pool.slowest[0].statement = pool.name;
  process.name = pool.name;
  view.show(picture_of({process}));
  for (const char key : {'1', '2', '3', '4'}) {
    view.press(character(key));
    for (const bool whole : {false, true}) {
      if (whole) view.press(special(SpecialKey::enter));
      for (const Line& line : view.compose({.lines = 40, .columns = 200}))
        for (const Span& span : line) EXPECT_EQ(harmless(span.text), span.text);
    }
  }
}

TEST(TopServer, who_blocks_others_is_named_and_what_is_hidden_is_said) {
  const ServerFacts server{.version = "16.1", .max_connections = 100};
  const std::vector<ServerSession> sessions{
      {.pid = 1,
       .application = "shop",
       .client = "10.0.0.1",
       .state = "idle in transaction",
       .in_state = 40,
       .in_transaction = 41},
      {.pid = 2,
       .application = "shop",
       .client = "10.0.0.1",
       .state = "active",
       .in_state = 30,
       .in_transaction = 30,
       .waits_for = "Lock: transactionid",
       .blocked_by = {1},
       .statement = "UPDATE t"},
      {.pid = 3,
       .application = "shop",
       .client = "10.0.0.1",
       .state = "active",
       .in_state = 20,
       .in_transaction = 20,
       .waits_for = "Lock: tuple",
       .blocked_by = {2},
       .statement = "UPDATE t"},
      {.pid = 4, .application = "", .client = "local", .state = "hidden"}};
  const Picture picture = picture_of("db:5432", server, sessions);
  EXPECT_EQ(picture.headline, "db:5432, PostgreSQL 16.1: 5 of 100 connections");
  ASSERT_EQ(picture.remarks.size(), 2U);
  EXPECT_EQ(plain_text(picture.remarks[0]),
            "session 1 of shop (idle in transaction) blocks 2 sessions by a lock");
  EXPECT_TRUE(contains(plain_text(picture.remarks[1]), "pg_read_all_stats"));
  const std::string summary = all_of(lay_out(picture.summary, 0, Charset::utf8));
  EXPECT_TRUE(
      contains(summary, "shop         10.0.0.1         3       2     0           1        2       0 "))
      << summary;
}

TEST(TopAddress, a_monitor_is_named_by_a_url_or_a_path) {
  const MonitorAddress url = read_address("http://localhost:8080/?token=a%20b&x=1");
  EXPECT_EQ(url.host, "localhost");
  EXPECT_EQ(url.port, "8080");
  EXPECT_EQ(url.token, "a b");
  EXPECT_EQ(url.shown, "http://localhost:8080") << "the token is not shown";
  EXPECT_EQ(read_address("http://[::1]:9").host, "::1");
  EXPECT_EQ(read_address("./12-1.sock").socket, "./12-1.sock");
  for (const char* wrong : {"", "foo", "https://x:1", "postgresql://h/d", "http://", "http://a b"})
    EXPECT_THROW(read_address(wrong), std::invalid_argument) << wrong;
}

/// A folder of a test's own, gone at its end.
class Folder {
 public:
  Folder() : path_((fs::temp_directory_path() / "copg-top-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }
  void add_socket(const std::string& name, mode_t mode) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = path_ + "/" + name;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(socket);
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }

 private:
  std::string path_;
};

TEST(TopAddress, sockets_that_others_could_have_made_are_passed_over) {
  const Folder folder;
  folder.add_socket("12-1.sock", 0600);
  folder.add_socket("13-1.sock", 0666);
  folder.add_socket("notes.txt", 0600);
  fs::create_directory(folder.path() + "/14-1.sock");
  std::vector<std::string> refused;
  const auto found = find_sockets({folder.path(), folder.path() + "/none"}, refused);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].socket, folder.path() + "/12-1.sock");
  EXPECT_EQ(refused.size(), 2U);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0777), 0);
  refused.clear();
  EXPECT_TRUE(find_sockets({folder.path()}, refused).empty());
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_TRUE(contains(refused[0], "other users can write to it"));
}

}  // namespace
}  // namespace copg::tools
