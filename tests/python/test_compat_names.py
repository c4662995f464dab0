"""The names and arguments of pycopg.compat.psycopg_pool, beside those of psycopg_pool and psycopg."""

from __future__ import annotations

import inspect
import pathlib
import re
import subprocess
import sys
from typing import Any

import psycopg
import psycopg_pool as theirs
import pytest

import pycopg
from pycopg.compat import psycopg_pool as ours

COMPARE = pathlib.Path(__file__).parents[1] / "compat" / "compare.py"
FAILURES = COMPARE.parent / "failures.md"
POOLS = ["ConnectionPool", "NullConnectionPool", "AsyncConnectionPool", "AsyncNullConnectionPool"]
# What programs for psycopg use of connections and cursors. docs/psycopg-pool.md says what is not here.
OF_CONNECTIONS = {
    *("autocommit", "broken", "close", "closed", "commit", "cursor", "deferrable", "execute", "info"),
    *("isolation_level", "read_only", "rollback", "set_autocommit", "set_deferrable"),
    *("set_isolation_level", "set_read_only", "transaction"),
}
OF_CURSORS = {
    *("arraysize", "close", "closed", "copy", "description", "execute", "executemany", "fetchall", "fetchmany"),
    *("fetchone", "row_factory", "rowcount", "rownumber", "setinputsizes", "setoutputsize", "statusmessage", "stream"),
}
OF_POOLS = {
    *("check", "check_connection", "close", "closed", "connection", "drain", "get_stats", "getconn", "max_size"),
    *("min_size", "open", "pop_stats", "putconn", "resize", "wait"),
}


def public(cls: Any) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


@pytest.mark.parametrize("name", POOLS)
def test_pools_have_psycopg_pools_arguments_and_names(name: str) -> None:
    mine, original = getattr(ours, name), getattr(theirs, name)
    assert public(original) & public(mine) >= OF_POOLS
    arguments = inspect.signature(original).parameters
    base = ours.AsyncConnectionPool if name.startswith("Async") else ours.ConnectionPool
    own = inspect.signature(base).parameters
    assert [it for it in arguments if it in own] == list(own)
    assert inspect.signature(mine).parameters["min_size"].default == arguments["min_size"].default
    for argument in set(own) - {"connection_class", "min_size"}:
        assert own[argument].default == arguments[argument].default, argument
    for method in ("open", "close", "wait", "connection", "getconn", "putconn", "resize", "check", "drain"):
        given = inspect.signature(getattr(original, method)).parameters
        assert [it.replace(annotation="") for it in given.values()] == [
            it.replace(annotation="") for it in inspect.signature(getattr(mine, method)).parameters.values()
        ], method


@pytest.mark.parametrize("prefix", ["", "Async"])
def test_connections_and_cursors_have_psycopgs_names(prefix: str) -> None:
    for kind, names in (("Connection", OF_CONNECTIONS), ("Cursor", OF_CURSORS)):
        assert public(getattr(psycopg, prefix + kind)) & public(getattr(ours, prefix + kind)) >= names


def test_the_module_has_psycopg_pools_names() -> None:
    assert set(theirs.__all__) <= set(ours.__all__)
    for name in ("PoolClosed", "PoolTimeout", "TooManyRequests"):
        assert getattr(ours, name) is getattr(pycopg, name)


def test_what_fails_of_psycopg_pools_own_tests_is_compared_with_the_table(tmp_path: pathlib.Path) -> None:
    def compare(failing: list[str], row: str) -> tuple[int, str]:
        cases = [f'<testcase classname="tests.pool.test_pool" name="{it}[a]"><failure/></testcase>' for it in failing]
        (tmp_path / "report.xml").write_text(
            f'<testsuites><testsuite><testcase classname="c" name="fine"/>{"".join(cases)}</testsuite></testsuites>'
        )
        (tmp_path / "page.md").write_text(f"| test | in | why |\n|---|---|---|\n{row}\n")
        done = subprocess.run(
            [sys.executable, COMPARE, tmp_path / "report.xml", tmp_path / "page.md"], capture_output=True, text=True
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    row = "| `test_reset` | `test_pool` | A reason. |"
    assert compare(["test_reset"], row)[0] == 0
    assert compare([], "")[0] == 0
    status, text = compare(["test_reset", "test_more"], row)
    assert (status, "does not explain it: test_pool.py::test_more" in text) == (1, True)
    status, text = compare([], row)
    assert (status, "it passes: test_pool.py::test_reset" in text) == (1, True)
    assert compare([], row.replace("A reason", "Sometimes: a reason"))[0] == 0
    assert compare(["test_reset"], "| `test_reset` | `test_pool` | |")[0] == 1  # without a reason


def test_each_row_of_the_table_names_its_tests_and_a_reason() -> None:
    rows = [line for line in FAILURES.read_text().splitlines() if line.startswith("| `")]
    assert rows
    for row in rows:
        assert re.fullmatch(r"\| `test_\w+` \| (`test_\w+`(, )?)+ \| \S[^|]*\. \|", row), row
