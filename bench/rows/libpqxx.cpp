// libpqxx. It has no type for a point in time, so that one is read by hand.
#include <pqxx/pqxx>

#include "rows/by_hand.hpp"
#include "rows/contestant.hpp"

namespace copg::bench {
namespace {

template <class Field>
std::optional<std::string> maybe(const Field& field) {
  if (field.is_null()) return std::nullopt;
  return field.template as<std::string>();
}

class Libpqxx final : public Contestant {
 public:
  explicit Libpqxx(const std::string& url) : conn_(url) {}

  std::vector<Plain> plain(const std::string& sql) override {
    return read<Plain>(sql, [](const auto& row) {
      return Plain{row[0].template as<std::int32_t>(),
                   row[1].template as<std::string>(),
                   maybe(row[2]),
                   row[3].template as<bool>(),
                   row[4].template as<double>(),
                   row[5].template as<std::int64_t>()};
    });
  }
  std::vector<Dated> dated(const std::string& sql) override {
    return read<Dated>(sql, [](const auto& row) {
      return Dated{row[0].template as<std::int64_t>(), row[1].template as<std::string>(),
                   by_hand::time(row[2].c_str()),      row[3].template as<double>(),
                   row[4].template as<bool>(),         maybe(row[5])};
    });
  }

 private:
  template <class T, class Read>
  std::vector<T> read(const std::string& sql, Read read_row) {
    pqxx::nontransaction work(conn_);
    const pqxx::result result = work.exec(sql);
    std::vector<T> all;
    all.reserve(static_cast<std::size_t>(result.size()));
    for (const auto& row : result) all.push_back(read_row(row));
    return all;
  }

  pqxx::connection conn_;
};

}  // namespace

std::unique_ptr<Contestant> make_libpqxx(const std::string& url) { return std::make_unique<Libpqxx>(url); }

}  // namespace copg::bench
