"""The plugin for pytest, used as programs use it, and the throw-away server below it."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

import pycopg
from conftest import eventually
from pycopg.testing import PostgresNotFound, Server, _installation, _server, _watched_folder, rolled_back
from test_reference import ROOT, blocks

pytest_plugins = ["pytester"]

PAGE = ROOT / "docs" / "testing.md"
STARTS_AND_WAITS = """
from pycopg.testing import Server
server = Server()
print(server.socket_folder, flush=True)
input()
"""


def write_page(folder: pathlib.Path) -> None:
    """The blocks of the page, as the files that they name."""
    for _, code in blocks(PAGE):
        name = re.match(r"# (\w+\.py)\n", code)
        assert name, code
        (folder / name[1]).write_text(code)


@pytest.fixture
def without_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests of the tests find no server in their environment."""
    for name in [name for name in os.environ if name.startswith("PG") or name in ("DATABASE_URL", "COPG_TEST_URL")]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("without_server")
def test_the_page_does_what_it_says(pytester: pytest.Pytester) -> None:
    write_page(pytester.path)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=4)
    assert subprocess.run([sys.executable, "program.py"], cwd=pytester.path).returncode == 0


@pytest.mark.usefixtures("without_server")
def test_each_test_has_a_database_of_its_own_and_transactions_leave_nothing(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def copg_prepare():
            return lambda db: db.execute("CREATE TABLE t (n int); INSERT INTO t VALUES (7)")

        @pytest.fixture(scope="session")
        def copg_settings():
            return {"max_connections": "23"}
        """
    )
    pytester.makepyfile(
        """
        import asyncio
        import pytest
        import pycopg

        @pytest.mark.parametrize("again", [1, 2])
        def test_database(again, copg_db, copg_async_db):
            assert copg_db.fetch_all("SELECT n FROM t", row=pycopg.rows.scalar) == [7]
            copg_db.execute("UPDATE t SET n = 8")
            assert asyncio.run(copg_async_db.fetch_val("SELECT n FROM t")) == 8
            assert copg_db.fetch_val("SHOW max_connections") == "23"

        @pytest.mark.parametrize("again", [1, 2])
        def test_transaction(again, copg_transaction, copg_shared_db):
            copg_transaction.execute("DELETE FROM t")
            with pytest.raises(pycopg.ProgrammingError):
                copg_transaction.commit()
            with pytest.raises(ZeroDivisionError), copg_transaction.transaction():
                copg_transaction.execute("INSERT INTO t VALUES (8)")
                1 / 0
            assert copg_transaction.fetch_val("SELECT count(*) FROM t") == 0
            assert copg_shared_db.fetch_val("SELECT count(*) FROM t") == 1

        @pytest.mark.parametrize("again", [1, 2])
        def test_async_transaction(again, copg_async_transaction, copg_shared_db):
            async def test():
                async with copg_async_transaction as conn:
                    await conn.execute("DELETE FROM t")
                    assert await conn.fetch_val("SELECT count(*) FROM t") == 0
            asyncio.run(test())
            assert copg_shared_db.fetch_val("SELECT count(*) FROM t") == 1

        def test_a_failed_transaction_is_rolled_back(copg_transaction):
            with pytest.raises(pycopg.ProgrammingError):
                copg_transaction.execute("nonsense")
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error").assert_outcomes(passed=7)


def test_a_server_that_exists_is_used_and_left_as_it_was(pytester: pytest.Pytester, server_url: str) -> None:
    pytester.makepyfile(
        """
        def test_it(copg_db, copg_transaction, copg_databases, copg_server, pytestconfig):
            assert copg_server.url == pytestconfig.getoption("copg_url")
            assert copg_databases.create() != copg_db.config
            assert copg_db.fetch_val("SELECT current_database()") == copg_db.config.database
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "--copg-url", server_url).assert_outcomes(passed=1)
    with pycopg.PooledDatabase.from_url(server_url) as db:
        assert db.execute("SELECT datname FROM pg_database WHERE datname LIKE 'copg\\_test\\_%%'", []) == []


@pytest.mark.usefixtures("without_server")
@pytest.mark.parametrize(("ini", "outcome"), [("", {"errors": 1}), ("copg_no_server = skip", {"skipped": 1})])
def test_without_postgresql_a_test_fails_unless_it_may_be_skipped(
    pytester: pytest.Pytester, ini: str, outcome: dict[str, int]
) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    pytester.makeconftest(
        """
        import pycopg.testing._server
        from pycopg.testing import PostgresNotFound

        def find_programs():
            raise PostgresNotFound("there is none")

        pycopg.testing._server.find_programs = find_programs
        """
    )
    pytester.makepyfile("def test_it(copg_db): ...")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rs")
    result.assert_outcomes(**outcome)
    result.stdout.fnmatch_lines(["*there is none*"])


def test_a_run_without_its_fixtures_imports_nothing_of_pycopg(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it(pytestconfig):
            assert pytestconfig.pluginmanager.hasplugin("copg")
            assert not [name for name in sys.modules if name.startswith("pycopg")]
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_a_server_ends_with_its_process_even_when_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_AND_WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        folder = pathlib.Path(process.stdout.readline().strip())
        server = int((folder / "data/postmaster.pid").read_text().splitlines()[0])
        process.send_signal(signal.SIGKILL)
    eventually(lambda: not folder.exists())
    eventually(lambda: not pathlib.Path(f"/proc/{server}").exists())


def test_a_server_is_closed_once_and_by_its_owner_alone() -> None:
    server = Server({"cluster_name": "it's \\ quoted"})
    child = os.fork()
    if child == 0:
        server.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    with server, pycopg.PooledDatabase.from_url(server.url) as db:
        assert "ready" in server.log
        assert db.fetch_val("SHOW cluster_name") == "it's \\ quoted"
        with pytest.raises(pycopg.ProgrammingError, match="nonsense"), rolled_back(db) as conn:
            conn.execute("CREATE TABLE gone (); nonsense")
        assert db.fetch_val("SELECT to_regclass('gone')") is None
    assert not server.socket_folder.exists()
    server.close()


def test_a_server_that_does_not_start_says_why_and_leaves_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_watched_folder, "_parent_for", lambda user: "/tmp")
    made: list[pathlib.Path] = []
    spawn = _server._spawn
    monkeypatch.setattr(_server, "_spawn", lambda folder, *more: (made.append(folder), spawn(folder, *more))[1])
    with pytest.raises(RuntimeError, match="did not start(.|\n)*nonsense"):
        Server({"nonsense": "1"})
    assert made
    assert not made[0].exists()


def test_the_newest_server_is_found_where_none_is_on_the_path(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(folder: pathlib.Path) -> pathlib.Path:
        folder.mkdir(parents=True)
        for name in ("initdb", "postgres"):
            (folder / name).touch(mode=0o755)
        return folder

    install(tmp_path / "9" / "bin")
    newest = install(tmp_path / "17" / "bin")
    (tmp_path / "18" / "bin").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path / "18" / "bin"))
    looked_in: Callable[[str, str], pathlib.Path | None] = _installation._newest_below
    monkeypatch.setattr(_installation, "_newest_below", lambda parent, prefix: looked_in(str(tmp_path), prefix))
    assert _installation.find_programs() == newest
    monkeypatch.setattr(_installation, "_newest_below", lambda *_: None)
    monkeypatch.setattr(_installation, "_has_programs", lambda _: False)
    with pytest.raises(PostgresNotFound, match="apt-get install postgresql"):
        _installation.find_programs()
    on_path = install(tmp_path / "on_path")
    monkeypatch.undo()
    monkeypatch.setenv("PATH", f"{tmp_path}/none:{on_path}")
    assert _installation.find_programs() == on_path


def test_it_does_what_copg_with_postgres_does() -> None:
    def text_of(name: str) -> str:
        source = (ROOT / "src/testing" / name).read_text()
        return re.sub(r'"\s*"', "", source)  # one literal, torn into several

    assert f'R"sh({_watched_folder.WATCHDOG})sh"' in (ROOT / "src/testing/watched_folder.cpp").read_text()
    assert _installation._MISSING in text_of("postgres_installation.cpp")
    for option in _server._INITDB:
        assert f'"{option}"' in text_of("fresh_data_folder.cpp").replace('",', '", '), option
    for setting in ("fsync", "full_page_writes", "synchronous_commit", "dynamic_shared_memory_type"):
        assert f'{{"{setting}"' in text_of("throwaway_postgres.cpp"), setting
