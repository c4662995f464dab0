// One reading of all rows of bench_stream, by the contestant that is named: seconds, and the most memory.
//
//   copg-bench-stream copg|libpq
#include <libpq-fe.h>

#include <copg/copg.hpp>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>

namespace {

constexpr const char* all_rows = "SELECT id, name, price, active, at, n FROM bench_stream";

struct Read {
  std::size_t rows = 0;
  std::size_t bytes = 0;
};

Read by_copg(const copg::Config& config) {
  copg::PooledDatabase db(config, {.min_size = 1, .max_size = 1});
  db.wait();
  Read read;
  for (const copg::Row row : db.stream(all_rows)) {
    for (const copg::Field field : row) read.bytes += field.text().size();
    ++read.rows;
  }
  return read;
}

Read by_libpq(const char* url) {
  PGconn* const conn = PQconnectdb(url);
  Read read;
  PQsendQueryParams(conn, all_rows, 0, nullptr, nullptr, nullptr, nullptr, 0);
  PQsetSingleRowMode(conn);
  while (PGresult* const result = PQgetResult(conn)) {
    for (int row = 0; row < PQntuples(result); ++row, ++read.rows) {
      for (int column = 0; column < PQnfields(result); ++column)
        read.bytes += std::string_view(PQgetvalue(result, row, column),
                                       static_cast<std::size_t>(PQgetlength(result, row, column)))
                          .size();
    }
    PQclear(result);
  }
  PQfinish(conn);
  return read;
}

long peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (long kib = 0; word == "VmHWM:" && status >> kib) return kib;
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const char* const url = std::getenv("DATABASE_URL");
  if (count != 2 || url == nullptr) return 2;
  const auto began = std::chrono::steady_clock::now();
  const Read read =
      std::string_view(words[1]) == "copg" ? by_copg(copg::Config::from_url(url)) : by_libpq(url);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::cout << took.count() << ' ' << peak_kib() << ' ' << read.rows << ' ' << read.bytes << '\n';
  return 0;
}
