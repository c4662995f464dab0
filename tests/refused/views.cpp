// Values that would refer to the memory of a Result that is gone. Each has a type of its own, because a
// compiler tells of a type once.
// Refused in the words: must own its memory
#include <copg/async.hpp>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

template <int>
struct Viewing {
  int id;
  std::string_view name;
};
template <int>
struct Owning {
  int id;
  std::optional<std::string> name;
  std::vector<std::byte> bytes;
};

void results(const copg::Result& result) {
  static_cast<void>(result.to_value<std::string_view>());
  static_cast<void>(result[0].as<Viewing<0>>());
  static_cast<void>(result.to_vector<std::tuple<int, std::string_view>>());
}

void owned(copg::PooledDatabase& db, copg::Connection& lease, copg::AsyncPooledDatabase& loop,
           copg::AsyncConnection& task) {
  static_cast<void>(db.fetch_all<Owning<1>>(""));
  static_cast<void>(lease.fetch_one<std::tuple<std::string, copg::Uuid, copg::Json>>(""));
  static_cast<void>(loop.fetch_val<std::vector<std::optional<int>>>(""));
  static_cast<void>(task.fetch_one<std::pair<int, std::array<std::byte, 4>>>(""));
}

#ifdef WRONG
void wrong(copg::PooledDatabase& db, copg::Connection& lease, copg::AsyncPooledDatabase& loop,
           copg::AsyncConnection& task) {
  static_cast<void>(db.fetch_val<std::string_view>(""));                                 // refused
  static_cast<void>(db.fetch_val<std::optional<std::string_view>>(""));                  // refused
  static_cast<void>(db.fetch_one<std::tuple<int, std::string_view>>(""));                // refused
  static_cast<void>(db.fetch_one<std::pair<int, std::optional<std::string_view>>>(""));  // refused
  static_cast<void>(db.fetch_all<std::span<const std::byte>>(""));                       // refused
  static_cast<void>(db.fetch_all<copg::Field>(""));                                      // refused
  static_cast<void>(db.fetch_all<copg::Row>(""));                                        // refused
  static_cast<void>(db.fetch_val<const char*>(""));                                      // refused
  static_cast<void>(db.fetch_val<Viewing<11>>(""));                                      // refused
  static_cast<void>(db.fetch_one<Viewing<12>>(""));                                      // refused
  static_cast<void>(db.fetch_all<Viewing<13>>(""));                                      // refused
  static_cast<void>(lease.fetch_val<Viewing<14>>(""));                                   // refused
  static_cast<void>(lease.fetch_one<Viewing<15>>(""));                                   // refused
  static_cast<void>(lease.fetch_all<Viewing<16>>(""));                                   // refused
  static_cast<void>(loop.fetch_val<Viewing<17>>(""));                                    // refused
  static_cast<void>(loop.fetch_one<Viewing<18>>(""));                                    // refused
  static_cast<void>(loop.fetch_all<Viewing<19>>(""));                                    // refused
  static_cast<void>(task.fetch_val<Viewing<20>>(""));                                    // refused
  static_cast<void>(task.fetch_one<Viewing<21>>(""));                                    // refused
  static_cast<void>(task.fetch_all<Viewing<22>>(""));                                    // refused
  static_cast<void>(loop.fetch_val<Viewing<23>>("", copg::params()));                    // refused
  static_cast<void>(loop.fetch_one<Viewing<24>>("", copg::params()));                    // refused
  static_cast<void>(loop.fetch_all<Viewing<25>>("", copg::params()));                    // refused
  static_cast<void>(task.fetch_val<Viewing<26>>("", copg::params()));                    // refused
  static_cast<void>(task.fetch_one<Viewing<27>>("", copg::params()));                    // refused
  static_cast<void>(task.fetch_all<Viewing<28>>("", copg::params()));                    // refused
}
#endif
