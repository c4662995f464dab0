"""The checks find what they look for, and leave alone what is allowed."""

import pathlib
import re
import unittest

import faces
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
        inside = {"pool": "from .testing._server import Server", "testing._server": "from ..pool import Pool"}
        self.assertEqual(set(import_order.circle(inside)), set(inside))
        self.assertEqual(import_order.imported("from ._a import A\nfrom ..b import B", "testing."), {"testing._a", "b"})


class Faces(unittest.TestCase):
    root = pathlib.Path(__file__).parents[2]
    page = root.joinpath(faces.PAGE).read_text()

    def found(self, page: str, header: str = "", method: str = "") -> list[str]:
        """The complaints about the page, once a class of C++ or of Python has another member."""
        there = faces.Faces(self.root)
        if header:
            there.headers = [re.sub(rf"(class {header} [^;]*?public:)", r"\1 void more();", it) for it in there.headers]
        if method:
            for module in there.modules.values():
                for name, node in module.classes().items():
                    if name == method:
                        node.body.append(faces.ast.parse("def more(self, timeout=None): ...").body[0])
        return faces.complaints(page, there)

    def test_the_page_as_it_is_has_no_fault(self) -> None:
        self.assertEqual(self.found(self.page), [])

    def test_a_verb_of_one_face_alone_is_found(self) -> None:
        for header in ("PooledDatabase", "AsyncConnection", "ConnectionWithin", "Verbs", "AsyncVerbs"):
            self.assertTrue(any("`more`" in it for it in self.found(self.page, header=header)), header)
        for method in ("PooledDatabase", "AsyncConnection", "Pool", "AnyConnection", "PoolBase", "AsyncCursor"):
            self.assertTrue(any("`more`" in it for it in self.found(self.page, method=method)), method)

    def test_what_the_page_lacks_or_has_too_much_is_found(self) -> None:
        row = "| `drain` | yes | yes | yes | yes | |\n"
        for changed in ("", row * 2, row.replace("yes", "—", 1), row.replace("yes", "maybe", 1), row.replace("| |", "|")):
            self.assertTrue(self.found(self.page.replace(row, changed)), changed)
        self.assertTrue(self.found(self.page.replace(row, row + row.replace("drain", "dry"))))
        self.assertTrue(self.found(self.page.replace("copg::AsyncConnection`", "copg::Other`")))
        self.assertTrue(self.found(re.sub(r"^\|.*`pycopg.Cursor`(.*\n\|)+", "", self.page, flags=re.MULTILINE)))

    def test_names_are_read_out_of_c_plus_plus(self) -> None:
        header = """
          /// void in_a_comment();
          class Base { public: void of_base(); };
          class Other : public detail::Base {
           public:
            enum class Kind { a, b };
            explicit Other(int a) : a_(a), b_{a} { int local; f(local); }
            template <class T, TokenFor<std::vector<T>> Token = DefaultToken>
            requires std::invocable<T>
            [[nodiscard]] auto verb(const Sql& sql, Token&& token = {}) -> std::vector<T> { return g<T>(sql); }
            using Base::shown;
            using executor_type = int;
            bool operator==(const Other&) const = default;
            std::function<void()> field{};
            int number = 3;
            static Other make();
            friend class Third;
           private:
            void hidden();
          };"""
        names = {"of_base", "Kind", "verb", "shown", "field", "number", "make"}
        self.assertEqual(faces.names_in_cpp([header], "Other"), names)


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
