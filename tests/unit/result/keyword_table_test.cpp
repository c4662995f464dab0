// The table of libpq's keywords against the libpq that is installed.
#include "config/conninfo_keywords.hpp"

#include <algorithm>
#include <map>

#include "server.hpp"

namespace copg::detail {
namespace {

TEST(ConninfoKeywords, are_those_of_libpq) {
  std::map<std::string, std::string> installed;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconndefaults(),
                                                                             &PQconninfoFree);
  ASSERT_TRUE(options);
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    installed[option->keyword] = option->envvar != nullptr ? option->envvar : "";
  }
  for (const auto& option : installed) {
    // Clang 14 lets no lambda capture a structured binding.
    const std::string& name = option.first;
    const std::string& variable = option.second;
    const auto known = conninfo_keywords();
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const ConninfoKeyword& keyword) { return keyword.name == name; });
    ASSERT_NE(found, known.end()) << name;
    EXPECT_EQ(found->variable, variable) << name;
  }
  const int major = PQlibVersion() / 10000;
  for (const ConninfoKeyword& keyword : conninfo_keywords()) {
    if (keyword.since > major) continue;
    // Only builds with the feature have these.
    if (keyword.name == "gsslib" || keyword.name.starts_with("oauth")) continue;
    EXPECT_TRUE(installed.contains(std::string(keyword.name))) << keyword.name;
  }
}

TEST(ConninfoKeywords, what_looks_like_one_is_none) {
  EXPECT_TRUE(is_conninfo_keyword("dbname"));
  EXPECT_FALSE(is_conninfo_keyword("database"));
  EXPECT_FALSE(is_conninfo_keyword(""));
  EXPECT_FALSE(is_conninfo_keyword("work_mem"));
}

}  // namespace
}  // namespace copg::detail
