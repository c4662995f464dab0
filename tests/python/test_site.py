"""The tools that make the documentation site (scripts/docs): what they do with links, and that they find dead ones."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

import browser

ROOT = pathlib.Path(__file__).parents[2]
TOOLS = ROOT / "scripts" / "site"
SITE = ROOT / "build" / "docs" / "site" / "index.html"
sys.path.insert(0, str(TOOLS))

import cpp_reference  # noqa: E402
import navigation  # noqa: E402
import python_reference  # noqa: E402
from stage import Site  # noqa: E402


def check(site: pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-B", str(TOOLS / "check.py"), str(site)], capture_output=True, text=True)


def test_a_link_that_leads_nowhere_is_found(tmp_path: pathlib.Path) -> None:
    (tmp_path / "index.html").write_text(
        '<h1 id="top"></h1><a href="page.html#there"></a><a href="#top"></a><a href="https://www.postgresql.org"></a>'
    )
    (tmp_path / "page.html").write_text('<h2 id="there"></h2><img src="/index.html">')
    assert check(tmp_path).returncode == 0, check(tmp_path).stderr
    (tmp_path / "page.html").write_text(
        '<a href="none.html"></a><a href="index.html#none"></a><script src="https://elsewhere.example/a"></script>'
    )
    found = check(tmp_path)
    assert found.returncode == 1
    assert "page.html: leads nowhere: none.html" in found.stderr
    assert "page.html: no such heading: index.html#none" in found.stderr
    assert "page.html: needs another server: https://elsewhere.example/a" in found.stderr
    assert "index.html: no such heading: page.html#there" in found.stderr


def test_a_site_without_a_page_is_no_site(tmp_path: pathlib.Path) -> None:
    assert check(tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("page", "link", "becomes"),
    [
        ("README.md", "docs/python.md#rows", "python.md#rows"),
        ("README.md", "docs/README.md", "contents.md"),
        ("docs/reference/errors.md", "../../README.md", "../index.md"),
        ("docs/examples.md", "../examples/flask_users", "source/examples/flask_users.md"),
        ("docs/explanation/sharing.md", "../benchmarks/share.svg", "../benchmarks/share.svg"),
        ("docs/adr/README.md", "../../ARCHITECTURE.md", "../project/architecture.md"),
        ("docs/python.md", "https://www.postgresql.org", "https://www.postgresql.org"),
        ("docs/python.md", "no-such-page.md", "no-such-page.md"),
    ],
)
def test_links_lead_to_where_the_pages_are_on_the_site(
    page: str, link: str, becomes: str, tmp_path: pathlib.Path
) -> None:
    from stage import place_of

    place = place_of(page)
    assert place
    assert Site(ROOT, tmp_path).links(f"see [it]({link})", page, place) == f"see [it]({becomes})\n"


def test_code_keeps_its_links_and_loses_what_only_tests_read(tmp_path: pathlib.Path) -> None:
    text = "```cpp run\nrun([](docs/README.md));\n```\n\n```text output\n1\n```\n"
    shown = 'run([](docs/README.md));\n```\n\n```text title="It prints"\n1\n```\n'
    assert Site(ROOT, tmp_path).links(text, "README.md", "index.md") == "```cpp\n" + shown


def test_each_page_has_one_place_in_the_navigation(tmp_path: pathlib.Path) -> None:
    for place in ("index.md", "a-new-page.md", "howto/new.md", "adr/0001-first.md", "python.md"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("# `A` title\n")
    sections = {name: pages for entry in navigation.of(tmp_path) for name, pages in entry.items()}
    assert sections["How to"] == [{"A title": "howto/new.md"}, {"A title": "a-new-page.md"}]
    assert sections["Start"] == [{"copg": "index.md"}, {"pycopg, all of it": "python.md"}]
    assert sections["Project"] == [{"All decisions": [{"A title": "adr/0001-first.md"}]}]


HEADER = """// What it is: a <thing>.
#pragma once

#include <string>

namespace copg {

class Other;
namespace engine {
class Hidden;
}  // namespace engine

/// Says what a Thing<T> is, but not `a<b>`.
class Thing : public Base {
 public:
  /// Makes it.
  explicit Thing(int size = 2) : size_(size) { run("};"); }
  [[nodiscard]] bool operator==(const Thing& other) const { return true; }

  /// Runs it.
  template <class F>
  void run(F&& f) {
    f();
  }

 private:
  int size_;
};

/// Its options.
struct Options {
  int size{2};  ///< Above 0.
  /// Called at the end.
  std::function<void(int)> done;
};

namespace detail {
void hidden();
}  // namespace detail

}  // namespace copg
"""


def test_a_page_of_a_header_has_what_is_public_without_bodies(tmp_path: pathlib.Path) -> None:
    header = tmp_path / "thing.hpp"
    header.write_text(HEADER)
    page = cpp_reference.page(header, "copg/thing.hpp")
    assert page == (
        "# copg/thing.hpp\n\nWhat it is: a &lt;thing>.\n"
        "\n## `class Thing`\n\n```cpp\nclass Thing : public Base\n```\n\nSays what a Thing&lt;T> is, but not `a<b>`.\n"
        "\n### `Thing`\n\n```cpp\nexplicit Thing(int size = 2);\n"
        "[[nodiscard]] bool operator==(const Thing& other) const;\n```\n\nMakes it.\n"
        "\n### `run`\n\n```cpp\ntemplate <class F>\nvoid run(F&& f);\n```\n\nRuns it.\n"
        "\n## `struct Options`\n\n```cpp\nstruct Options {\n  int size{2};  ///< Above 0.\n  /// Called at the end.\n"
        "  std::function<void(int)> done;\n};\n```\n\nIts options.\n"
    )


def test_each_member_of_the_pools_is_on_its_page() -> None:
    pages = cpp_reference.pages(ROOT)
    for name in ("connection", "transaction", "listener", "stats", "close", "within"):
        assert f"\n### `{name}`\n" in pages["reference/cpp/pooled_database.md"]
    for name in ("execute", "fetch_all", "fetch_one", "fetch_val", "execute_many", "copy_in"):
        assert f"\n### `{name}`\n" in pages["reference/cpp/detail-verbs.md"]
    assert "PoolDeadlock" in pages["reference/cpp/error.md"]


def test_a_public_name_of_pycopg_without_a_page_is_found(tmp_path: pathlib.Path) -> None:
    package = tmp_path / "python" / "pycopg"
    package.mkdir(parents=True)
    names = python_reference.public_names(ROOT / "python" / "pycopg")
    (package / "__init__.py").write_text(f"__all__ = {sorted(names)}")
    assert python_reference.pages(tmp_path)
    (package / "__init__.py").write_text(f"__all__ = {sorted(names | {'NewName'})}")
    with pytest.raises(SystemExit, match="NewName"):
        python_reference.pages(tmp_path)


@pytest.mark.skipif(browser.PROGRAM is None, reason="there is no Chromium")
@pytest.mark.skipif(not SITE.exists(), reason="scripts/docs has built no site")
def test_the_search_of_the_built_site_needs_no_server(tmp_path: pathlib.Path) -> None:
    with browser.Browser(tmp_path) as tab:
        tab.open(f"{SITE.as_uri()}?q=deadlocked")
        tab.wait_until("document.querySelector('.md-search-result__item') !== null")
        assert "PoolDeadlock" in tab.evaluate("document.querySelector('.md-search-result').innerText")
        assert tab.errors == []
