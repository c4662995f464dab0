// libpq with a loop written for just these columns, and libpq alone.
#include <libpq-fe.h>

#include <memory>
#include <stdexcept>

#include "rows/by_hand.hpp"
#include "rows/contestant.hpp"

namespace copg::bench {
namespace {

using ResultPtr = std::unique_ptr<PGresult, void (*)(PGresult*)>;

class Bare : public Contestant {
 public:
  explicit Bare(const std::string& url) : conn_(PQconnectdb(url.c_str()), PQfinish) {
    if (PQstatus(conn_.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(conn_.get()));
  }

 protected:
  ResultPtr ask(const std::string& sql) {
    ResultPtr result(PQexecParams(conn_.get(), sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0),
                     PQclear);
    if (PQresultStatus(result.get()) != PGRES_TUPLES_OK)
      throw std::runtime_error(PQerrorMessage(conn_.get()));
    return result;
  }

 private:
  std::unique_ptr<PGconn, void (*)(PGconn*)> conn_;
};

class Unread final : public Bare {
 public:
  using Bare::Bare;
  std::vector<Plain> plain(const std::string& sql) override { return ask(sql), std::vector<Plain>(); }
  std::vector<Dated> dated(const std::string& sql) override { return ask(sql), std::vector<Dated>(); }
};

class ByHand final : public Bare {
 public:
  using Bare::Bare;

  std::vector<Plain> plain(const std::string& sql) override {
    return read<Plain>(sql, [](const PGresult* result, int row) {
      return Plain{by_hand::number<std::int32_t>(text(result, row, 0)),
                   std::string(text(result, row, 1)),
                   maybe(result, row, 2),
                   *PQgetvalue(result, row, 3) == 't',
                   by_hand::number<double>(text(result, row, 4)),
                   by_hand::number<std::int64_t>(text(result, row, 5))};
    });
  }
  std::vector<Dated> dated(const std::string& sql) override {
    return read<Dated>(sql, [](const PGresult* result, int row) {
      return Dated{by_hand::number<std::int64_t>(text(result, row, 0)),
                   std::string(text(result, row, 1)),
                   by_hand::time(text(result, row, 2)),
                   by_hand::number<double>(text(result, row, 3)),
                   *PQgetvalue(result, row, 4) == 't',
                   maybe(result, row, 5)};
    });
  }

 private:
  static std::string_view text(const PGresult* result, int row, int column) {
    return {PQgetvalue(result, row, column), static_cast<std::size_t>(PQgetlength(result, row, column))};
  }
  static std::optional<std::string> maybe(const PGresult* result, int row, int column) {
    if (PQgetisnull(result, row, column) != 0) return std::nullopt;
    return std::string(text(result, row, column));
  }
  template <class T, class Read>
  std::vector<T> read(const std::string& sql, Read read_row) {
    const ResultPtr result = ask(sql);
    const int rows = PQntuples(result.get());
    std::vector<T> all;
    all.reserve(static_cast<std::size_t>(rows));
    for (int row = 0; row < rows; ++row) all.push_back(read_row(result.get(), row));
    return all;
  }
};

}  // namespace

std::unique_ptr<Contestant> make_unread(const std::string& url) { return std::make_unique<Unread>(url); }
std::unique_ptr<Contestant> make_by_hand(const std::string& url) { return std::make_unique<ByHand>(url); }

}  // namespace copg::bench
