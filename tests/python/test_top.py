"""copg top as its users see it: under a real terminal, in scripts, with monitors and with a server alone."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import threading
from collections.abc import Iterator

import psycopg
import pytest

import pycopg
from conftest import eventually
from top_terminal import Terminal, document, lease, port_monitor, socket_monitor, terminal, top


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where monitors have their sockets; the folder above it is XDG_RUNTIME_DIR."""
    made = tmp_path / "copg"
    made.mkdir(mode=0o700)
    return made


def test_once_names_the_place_of_each_lease(folder: pathlib.Path) -> None:
    with socket_monitor(folder / "1-1.sock", document()):
        shown = top("--once", str(folder / "1-1.sock"))
    assert shown.returncode == 0, shown.stderr
    assert shown.stderr == ""
    lines = shown.stdout.splitlines()
    assert lines[0] == "1 process, 1 pool"
    oldest = next(index for index, line in enumerate(lines) if "jobs.py:12 in nightly" in line)
    assert "HELD IDLE 30.0 s" in lines[oldest]
    assert "web.py:7 in orders" in lines[oldest + 1]
    assert "LLi." in shown.stdout
    assert "1 of 2 leased connections run nothing (held idle)" in shown.stdout


def test_json_is_what_the_monitors_say(folder: pathlib.Path) -> None:
    first, second = document("shop", 1), document("mail", 2)
    with socket_monitor(folder / "1-1.sock", first) as asked, socket_monitor(folder / "2-1.sock", second):
        shown = top("--once", "--json", str(folder / "1-1.sock"), str(folder / "2-1.sock"))
    assert shown.returncode == 0
    assert json.loads(shown.stdout) == [first, second]
    assert asked.asked == ["/stats.json"]


def test_monitors_are_found_by_their_sockets_and_dead_ones_passed_over(folder: pathlib.Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder / "3-1.sock"))
    (folder / "3-1.sock").chmod(0o600)
    with (
        socket_monitor(folder / "1-1.sock", document("shop", 1)),
        socket_monitor(folder / "2-1.sock", document("mail", 2)) as unsafe,
    ):
        (folder / "2-1.sock").chmod(0o666)
        shown = top("--once", XDG_RUNTIME_DIR=str(folder.parent))
        assert not unsafe.asked
    assert shown.returncode == 0, shown.stderr
    assert "shop 1" in shown.stdout
    assert "3-1.sock" not in shown.stdout + shown.stderr
    assert "2-1.sock: other users can write to it" in shown.stdout


def test_a_monitor_on_a_port_is_asked_with_its_token() -> None:
    with port_monitor(document()) as monitor:
        monitor.token = "a b"
        right = top("--once", f"{monitor.url}/?token=a%20b")
        wrong = top("--once", f"{monitor.url}?token=x")
    assert right.returncode == 0
    assert "jobs.py:12" in right.stdout
    assert wrong.returncode == 1
    assert wrong.stdout == ""
    assert "wants another token" in wrong.stderr
    assert "token=x" not in wrong.stderr


def test_a_process_with_a_monitor_is_found(
    server_url: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    token = "a-token-of-a-test"
    with (
        pycopg.PooledDatabase.from_url(server_url, 1, 2, name="orders") as db,
        db.monitor(program="shop", token=token) as monitor,
        db.connection(name="import") as conn,
    ):
        conn.execute("SELECT 1")
        found = top("--once", XDG_RUNTIME_DIR=str(tmp_path))
        told = top("--once", "--json", XDG_RUNTIME_DIR=str(tmp_path))
        asked = top("--once", f"{monitor.url}?token={token}")
        refused = top("--once", monitor.url)
    assert found.returncode == told.returncode == asked.returncode == 0, found.stderr + told.stderr + asked.stderr
    for shown in (found.stdout, asked.stdout):
        assert f"shop {os.getpid()}" in shown
        assert "test_top.py" in shown
        assert "'import'" in shown
    [document] = [one for one in json.loads(told.stdout) if one["process"]["pid"] == os.getpid()]
    assert document["pools"][0]["leases"][0]["name"] == "import"
    assert refused.returncode == 1
    assert "wants another token" in refused.stderr


def test_one_that_does_not_answer_does_not_hide_the_others(folder: pathlib.Path) -> None:
    with socket_monitor(folder / "1-1.sock", document()), port_monitor(document()) as other:
        for answer, complaint in ((b"<html>", "not JSON"), (b'{"a":1}', "not that of a monitor of copg")):
            other.answer = answer
            shown = top("--once", str(folder / "1-1.sock"), other.url)
            assert shown.returncode == 1
            assert complaint in shown.stderr
            assert "jobs.py:12" in shown.stdout
        other.silent = threading.Event()
        shown = top("--once", "--timeout", "0.3", str(folder / "1-1.sock"), other.url)
        other.silent.set()
    assert shown.returncode == 1
    assert "did not answer in time" in shown.stderr
    assert "jobs.py:12" in shown.stdout


@pytest.mark.parametrize(
    "arguments", [["x"], ["--json"], ["--once", "--database", "postgresql://h/d", "/x.sock"], ["--interval", "0"]]
)
def test_wrong_usage_has_an_exit_code_of_its_own(arguments: list[str]) -> None:
    shown = top(*arguments)
    assert shown.returncode == 2
    assert shown.stderr


def test_without_a_terminal_it_names_the_way_that_works(folder: pathlib.Path) -> None:
    with socket_monitor(folder / "1-1.sock", document()):
        shown = top(str(folder / "1-1.sock"))
        assert shown.returncode == 2
        assert "copg top --once" in shown.stderr
        with terminal(str(folder / "1-1.sock"), TERM="dumb") as screen:
            assert screen.ended() == 2
            assert "copg top --once" in screen.text()


@pytest.fixture
def screen(folder: pathlib.Path) -> Iterator[Terminal]:
    with socket_monitor(folder / "1-1.sock", document()), terminal(str(folder / "1-1.sock")) as opened:
        opened.shows("jobs.py:12 in nightly", "orders")
        yield opened


def test_keys_choose_sort_filter_and_end(screen: Terminal) -> None:
    screen.type("\t")
    screen.shows("Nobody waits.", without="jobs.py")
    screen.type("\x1b[Z")
    screen.shows("jobs.py:12", "AGE v")
    screen.type("r")
    assert screen.shows("AGE ^").index("web.py:7") < screen.text().index("jobs.py:12")
    screen.type("/WEB")
    screen.shows("/WEB_", "web.py:7", without="jobs.py:12")
    screen.type("\x1b")
    screen.shows("jobs.py:12")
    screen.type("t")
    screen.shows("texts are off", without="SELECT 1")
    screen.type("h")
    screen.shows("this help, and back")
    screen.type("h")
    screen.shows("jobs.py:12", without="this help")
    screen.type("p")
    screen.shows("PAUSED")
    screen.type("p+")
    screen.shows("every 2 s", without="PAUSED")
    screen.type("\x1b[B\r")
    screen.shows("TAKEN AT")
    screen.type("qq")
    assert screen.ended() == 0
    assert screen.is_restored()


def test_a_new_size_is_followed(screen: Terminal) -> None:
    screen.resize(10, 60)
    assert "h: help" in screen.shows("every 1 s  h: help", "1:Leases").splitlines()[0]
    assert all(len(line) <= 60 for line in screen.text().splitlines())
    screen.resize(40, 200)
    assert screen.shows("STATEMENT").splitlines()[0].endswith("h: help")
    assert len(screen.text().splitlines()[0]) == 200


@pytest.mark.parametrize("how", ["term", "hup", "ctrl-c"])
def test_the_terminal_is_given_back_when_it_is_killed(screen: Terminal, how: str) -> None:
    if how == "ctrl-c":
        screen.type("\x03")
    else:
        screen.process.send_signal(signal.SIGTERM if how == "term" else signal.SIGHUP)
    assert screen.ended() == (129 if how == "hup" else 130)
    assert screen.is_restored()


def test_a_terminal_that_goes_away_ends_it(folder: pathlib.Path) -> None:
    with socket_monitor(folder / "1-1.sock", document()):
        opened = Terminal(str(folder / "1-1.sock"))
        opened.shows("jobs.py:12")
        os.close(opened._slave)
        os.close(opened._master)
        assert opened.process.wait(20) != 0


def test_processes_come_and_go_on_the_screen(folder: pathlib.Path) -> None:
    with (
        socket_monitor(folder / "1-1.sock", document("shop", 1)),
        terminal("--interval", "0.1", XDG_RUNTIME_DIR=str(folder.parent), columns=200) as screen,
    ):
        screen.shows("shop 1", without="mail 2")
        with socket_monitor(folder / "2-1.sock", document("mail", 2)) as mail:
            screen.shows("mail 2", "shop 1")
            mail.document = document("mail", 2, leases=[lease("mail.py:9 in send", 77)])
            screen.shows("mail.py:9 in send", "77.0 s")
        screen.shows("mail 2: the process has ended", without="mail.py:9")
        screen.type("q")
        assert screen.ended() == 0


def test_hostile_texts_do_not_steer_the_terminal(folder: pathlib.Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u65e5\u672c\u8a9e"
    told = document(
        hostile,
        name=hostile,
        health={"ok": False, "reason": hostile},
        leases=[lease(hostile, 9, holder=hostile, statement=hostile, name=hostile)],
    )
    with socket_monitor(folder / "1-1.sock", told), terminal(str(folder / "1-1.sock"), columns=200) as screen:
        screen.shows("NOT OK", "]0;owned")
        screen.type("\r")
        screen.shows("TAKEN AT")
        screen.type("qq")
        assert screen.ended() == 0
        shown = top("--once", str(folder / "1-1.sock"))
    assert b"\x1b]0;owned" not in screen.bytes
    assert b"\xc2\x9b" not in screen.bytes
    assert not any(ord(c) < 32 and c != "\n" for c in shown.stdout)


def test_a_server_without_monitors_says_who_blocks_whom(server_url: str, folder: pathlib.Path) -> None:
    with (
        psycopg.connect(server_url, application_name="holder") as holder,
        psycopg.connect(server_url, application_name="victim") as victim,
    ):
        holding, held_up = holder.info.backend_pid, victim.info.backend_pid
        holder.execute("SELECT pg_advisory_xact_lock(4711)")
        waiting = threading.Thread(target=victim.execute, args=("SELECT pg_advisory_xact_lock(4711)",))
        waiting.start()
        try:
            blocks = f"session {holding} of holder (idle in transaction) blocks 1 session by a lock"
            eventually(lambda: blocks in top("--once", "--database", server_url).stdout)
            shown = json.loads(top("--once", "--json", "--database", server_url).stdout)
            with terminal("--database", server_url, columns=200) as screen:
                screen.shows(blocks, "victim")
                screen.type("3")
                screen.shows("Lock: advisory", str(held_up))
                screen.type("q")
                assert screen.ended() == 0
        finally:
            holder.rollback()
            waiting.join()
    session = next(one for one in shown["sessions"] if one["pid"] == held_up)
    assert session["blocked_by"] == [holding]
    assert session["application"] == "victim"
    assert shown["server"]["sees_all"]


def test_what_a_role_may_not_see_is_said(server_url: str) -> None:
    with psycopg.connect(server_url, application_name="secret", autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS copg_top_low")
        owner.execute("CREATE ROLE copg_top_low LOGIN")
        low = server_url.replace("://postgres@", "://copg_top_low@").replace("://postgres:", "://copg_top_low:")
        try:
            shown = top("--once", "--database", low)
        finally:
            owner.execute("DROP ROLE copg_top_low")
    assert shown.returncode == 0, shown.stderr
    assert "show neither state nor statement: GRANT pg_read_all_stats" in shown.stdout


def test_a_server_that_does_not_answer_is_an_error(folder: pathlib.Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql://u@127.0.0.1:{unused.getsockname()[1]}/d"
        shown = top("--once", "--timeout", "0.5", "--database", url)
    assert shown.returncode == 1
    assert shown.stdout == ""
    assert "Connection refused" in shown.stderr
