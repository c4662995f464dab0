// What the tests of the monitor have in common.
#pragma once

#include <copg/async.hpp>
#include <copg/monitor.hpp>

#include <boost/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "integration/database_test.hpp"
#include "monitor/http_client.hpp"

namespace copg::test {

namespace json = boost::json;

class MonitorTest : public DatabaseTest {
 protected:
  /// Sockets of this program's monitors lie in a folder of its own.
  static void SetUpTestSuite() {
    DatabaseTest::SetUpTestSuite();
    setenv("XDG_RUNTIME_DIR", folder().c_str(), 1);
  }
  static void TearDownTestSuite() { DatabaseTest::TearDownTestSuite(); }
  static const std::filesystem::path& folder() {
    static const Folder made;
    return made.path;
  }
  [[nodiscard]] static std::filesystem::path sockets() { return folder() / "copg"; }

  [[nodiscard]] static json::value document(const Monitor& monitor) {
    return json::parse(HttpClient(monitor.port()).get("/stats.json").body);
  }
  /// The object of the only pool.
  [[nodiscard]] static json::object pool_of(const Monitor& monitor) {
    return document(monitor).at("pools").as_array().at(0).as_object();
  }
  [[nodiscard]] static std::string text_of(const json::value& value) {
    return json::value_to<std::string>(value);
  }

 private:
  struct Folder {
    std::filesystem::path path;
    Folder() {
      std::string name = std::filesystem::temp_directory_path() / "copg-monitor-XXXXXX";
      path = mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
  };
};

}  // namespace copg::test
