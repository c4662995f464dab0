"""The checks find what they look for, and leave alone what is allowed."""

import pathlib
import unittest

import house_rules
import import_order
import layering


PAGE = pathlib.Path(__file__).parents[2].joinpath(layering.PAGE).read_text()
PLAN = layering.Plan.read(PAGE)


class Layering(unittest.TestCase):
    def refuses(self, name: str, include: str) -> None:
        self.assertTrue(PLAN.complaints(name, f"#include {include}\n"), (name, include))

    def allows(self, name: str, include: str) -> None:
        self.assertEqual(PLAN.complaints(name, f"#include {include}\n"), [])

    def test_the_core_includes_nothing_but_itself_and_the_standard_library(self) -> None:
        for include in ("<libpq-fe.h>", "<fmt/format.h>", "<copg/error.hpp>", '"pq/operation.hpp"', "<unistd.h>"):
            self.refuses("src/pool/pool_core.cpp", include)
        for include in ("<vector>", "<copg/pool_stats.hpp>", "<copg/close_reason.hpp>", '"pool/types.hpp"'):
            self.allows("src/pool/pool_core.cpp", include)

    def test_public_headers_hide_libpq_and_the_layers(self) -> None:
        for include in ("<libpq-fe.h>", '"pq/connection.hpp"', "<engine/pool_engine.hpp>", "<boost/asio.hpp>"):
            self.refuses("include/copg/result.hpp", include)
        self.allows("include/copg/result.hpp", "<copg/row.hpp>")
        self.allows("include/copg/mapping.hpp", "<boost/pfr/core.hpp>")
        self.allows("include/copg/async_pooled_database.hpp", "<boost/asio/any_io_executor.hpp>")

    def test_each_layer_looks_only_downwards(self) -> None:
        self.refuses("src/codec/text.cpp", "<libpq-fe.h>")
        self.refuses("src/config/url.cpp", '"codec/hex.hpp"')
        for include in ("<libpq-fe.h>", '"pq/session_state.hpp"', "<copg/error.hpp>", "<boost/config.hpp>"):
            self.refuses("src/sql/lexer.cpp", include)
        self.refuses("src/pq/connection.cpp", '"pool/types.hpp"')
        self.refuses("src/pq/connection.cpp", "<boost/asio/io_context.hpp>")
        self.refuses("src/engine/pool_engine.cpp", '"sync/call.hpp"')
        self.refuses("src/sync/call.cpp", '"pool/pool_core.hpp"')
        self.allows("src/sql/lexer.cpp", '"sql/lexer.hpp"')
        self.allows("src/engine/pool_engine.cpp", '"pool/pool_core.hpp"')
        self.allows("src/sync/call.cpp", '"engine/pool_engine.hpp"')

    def test_links_are_those_of_the_table(self) -> None:
        self.assertEqual(PLAN.compared("codec", "copg_error fmt::fmt-header-only"), [])
        self.assertTrue(PLAN.compared("codec", "copg_error copg_pool fmt::fmt-header-only"))
        self.assertTrue(PLAN.compared("codec", "copg_error"))

    def test_the_picture_draws_what_is_linked_below_what_links_it(self) -> None:
        self.assertEqual(PLAN.misdrawn(PAGE), [])
        self.assertTrue(PLAN.misdrawn(PAGE.replace("engine/", "/")))
        self.assertTrue(layering.Plan({**PLAN.links, "sync": {"async"}}).misdrawn(PAGE))
        self.assertTrue(layering.Plan({**PLAN.links, "pq": {"engine"}}).misdrawn(PAGE))


class ImportOrder(unittest.TestCase):
    def test_a_circle_is_found_also_where_only_type_checkers_go(self) -> None:
        above = "from .below import A\nfrom . import errors\n"
        self.assertEqual(import_order.circle({"above": above, "below": "import os", "errors": ""}), [])
        below = "if TYPE_CHECKING:\n    from .above import B\n"
        self.assertEqual(set(import_order.circle({"above": above, "below": below, "errors": ""})), {"above", "below"})


class HouseRules(unittest.TestCase):
    def refuses(self, name: str, text: str) -> None:
        self.assertTrue(house_rules.complaints(name, text), (name, text))

    def test_a_clean_file_is_left_alone(self) -> None:
        self.assertEqual(house_rules.complaints("src/a.cpp", "// What it is.\nint a;\n"), [])

    def test_each_breach_is_found(self) -> None:
        self.refuses("src/a.cpp", "// a\n\tint a;\n")
        self.refuses("src/a.cpp", "// a\nint a; \n")
        self.refuses("src/a.cpp", "// TO" "DO later\n")
        self.refuses("src/a.cpp", "// a")
        self.refuses("src/a.cpp", "int a;\n")
        self.refuses("src/a.hpp", "// a\n")
        self.refuses("include/copg/a.hpp", "// a\n#pragma once\n#define A\n")
        self.refuses("include/copg/a.hpp", "// a\n#pragma once\nnamespace copg {\nint f();\n}  // namespace copg\n")
        self.refuses("include/copg/a.hpp", "// a\n//\n//     f();\n#pragma once\n")
        self.refuses("include/copg/a.hpp", "// a\n//\n// ```cpp\n//     f();\n#pragma once\n")
        self.refuses("src/a.cpp", "// a\n  bool torn =\n      false;  ///< says more than there is room for\n")
        self.refuses("src/a.cpp", "// a\n  Seconds torn{\n      300};           ///< says more than there is room for\n")
        self.refuses("src/a.cpp", "// a\n  std::string\n      torn;  ///< says more than there is room for\n")
        self.refuses("tests/a.cpp", "// a\nstd::this_thread::sleep_for(1s);\n")
        self.assertEqual(house_rules.complaints("tests/support/gate.cpp", "// a\nusleep(1);\n"), [])

    def test_a_coroutine_takes_nothing_that_may_be_gone_when_it_starts(self) -> None:
        for function in (
            "auto f(Body body, const Place& where = Place::current())\n    -> Result<Body&> {\n  co_await body();\n}",
            "auto f(std::string_view text) {\n  if (a) {\n    co_await g(text);\n  }\n}",
            "boost::asio::awaitable<void> f(std::function<void(int)> body, const Sql& sql);",
            "auto f() {\n  return [](Request& request) -> awaitable<int> { co_return 1; };\n}",
        ):
            self.refuses("include/copg/a.hpp", f"// a\n#pragma once\n{function}\n")
        for function in (
            "auto f(Body body, Place where = Place::current()) {\n  try {\n    co_await body();\n  } catch (...) {\n  }\n}",
            "boost::asio::awaitable<int> f(std::function<void(A&)> body);",
            "auto f(const Sql& sql) { return g(sql); }  // nobody says co_await here",
        ):
            text = f"// a\n#pragma once\n{function}\n"
            self.assertEqual(house_rules.complaints("include/copg/a.hpp", text), [])


if __name__ == "__main__":
    unittest.main()
