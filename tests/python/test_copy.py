"""COPY on threads: rows, files and data in, files and pieces out, and what goes wrong on the way."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import io
import pathlib
import resource
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pycopg
from pycopg import PooledDatabase, TransactionStatus

ENDLESS = "SELECT generate_series(1, 100000000)"

VALUES: dict[str, Any] = {
    "a": 7,
    "b": None,
    "c": 'tab\t, line\n, \\N, \\., "quotes" and ä',
    "d": -1.5,
    "e": True,
    "f": b"\x00\t\n\\\xff",
    "g": ["a", None, "\\", "{,}"],
    "h": datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc),
    "i": decimal.Decimal("1.50"),
    "j": uuid.UUID(int=5),
    "k": {"x": [1, "\n"]},
}


@pytest.fixture
def jobs(db: PooledDatabase) -> PooledDatabase:
    db.execute(
        "CREATE TABLE jobs (id int PRIMARY KEY, label text);"
        "CREATE TABLE wide (a int, b text, c text, d float8, e bool, f bytea, g text[], h timestamptz, i numeric,"
        " j uuid, k jsonb)"
    )
    return db


def count(db: PooledDatabase) -> int:
    rows: int = db.fetch_val("SELECT count(*) FROM jobs")
    return rows


def test_rows_of_any_iterable_go_in_and_are_counted(jobs: PooledDatabase) -> None:
    assert jobs.copy_in("jobs", [(1, "one"), [2, None]]) == 2
    assert jobs.copy_in("jobs", ((n, "\\") for n in range(3, 50_000))) == 49_997
    assert jobs.copy_in("jobs", [], columns=["id"]) == 0
    assert jobs.copy_in("jobs", [{"label": "x", "id": -1, "more": 0}], columns=["id", "label"]) == 1
    assert jobs.fetch_val("SELECT count(*) FROM jobs WHERE label = '\\'") == 49_997
    with jobs.connection() as conn:
        assert conn.copy_in("jobs", [[-2]], columns=("id",)) == 1
        assert conn.info.transaction_status is TransactionStatus.INTRANS
        conn.rollback()
    assert count(jobs) == 50_000


def test_values_of_every_kind_arrive_as_they_were(jobs: PooledDatabase) -> None:
    assert jobs.copy_in("wide", [list(VALUES.values()), tuple(VALUES.values())] * 2000) == 4000
    assert jobs.fetch_all("SELECT DISTINCT ON (1) * FROM wide") == [VALUES]
    assert jobs.fetch_val("SELECT count(*) FROM (SELECT DISTINCT * FROM wide) AS t") == 1


FITTING = "CREATE TABLE fitting (a int8, b text, c float8, d bool, e bytea, f timestamptz, g timestamp, h date, i int2)"
INSTANT = datetime.datetime(1888, 2, 29, 23, 59, 59, 999999)
FITTING_ROW = (
    -(2**63),
    "ä\t\\N",
    float("-inf"),
    False,
    b"\0\n",
    INSTANT.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-5, minutes=-30))),
    INSTANT,
    datetime.date(9999, 12, 31),
    -32768,
)


def test_many_rows_are_the_same_as_few(jobs: PooledDatabase) -> None:
    jobs.execute(FITTING)
    rows = [
        FITTING_ROW,
        (None,) * 9,
        (1, "", 0.1, True, b"", *[datetime.datetime.now(datetime.timezone.utc)], INSTANT, datetime.date(1, 1, 1), 7),
    ]
    assert jobs.copy_in("fitting", rows) == 3
    few = jobs.fetch_all("SELECT * FROM fitting ORDER BY a")
    assert tuple(few[0].values()) == FITTING_ROW
    jobs.execute("TRUNCATE fitting")
    assert jobs.copy_in("fitting", (row for _ in range(2000) for row in rows)) == 6000
    assert jobs.fetch_all("SELECT DISTINCT * FROM fitting ORDER BY a") == few
    with jobs.connection() as conn:
        assert conn.copy_in("fitting", [list(rows[2])] * 5000) == 5000
        conn.rollback()
    assert jobs.fetch_val("SELECT count(*) FROM fitting") == 6000


@pytest.mark.parametrize(
    "row", [("7", "x"), {"id": 7, "label": "x"}, (True, "x"), (decimal.Decimal(7), "x"), (7, 5)], ids=str
)
def test_a_row_that_fits_no_binary_format_goes_in_among_many(jobs: PooledDatabase, row: Any) -> None:
    def rows() -> Iterator[Any]:
        for n in range(100, 5000):
            yield n, "many"
        yield row
        for n in range(5000, 9000):
            yield n, "more"

    if isinstance(row[0] if isinstance(row, tuple) else 0, bool):  # t is no integer, as in few rows
        with pytest.raises(pycopg.errors.InvalidTextRepresentation, match='COPY jobs, line 4901, column id: "t"'):
            jobs.copy_in("jobs", rows(), columns=["id", "label"])
        assert count(jobs) == 0
        return
    assert jobs.copy_in("jobs", rows(), columns=["id", "label"]) == 8901
    assert count(jobs) == 8901
    assert jobs.fetch_val("SELECT count(*) FROM jobs WHERE id = 7") == 1


def test_an_error_in_many_rows_names_its_line_and_undoes_all(jobs: PooledDatabase) -> None:
    def rows(bad: Any) -> Iterator[Any]:
        for n in range(20_000):
            yield bad if n == 15_000 else (n, "x")

    for bad, line in ((("x", "y"), 'line 15001, column id: "x"'), ((1,), "line 15001"), ((0, "y"), "line 15001")):
        with pytest.raises(pycopg.Error) as raised:
            jobs.copy_in("jobs", rows(bad))
        assert f"COPY jobs, {line}" in str(raised.value)
        assert count(jobs) == 0
    with pytest.raises(pycopg.DataError, match="row 15000: .*NUL"):
        jobs.copy_in("jobs", rows((1, "\0")))
    with pytest.raises(pycopg.ProgrammingError, match="row 15000: .*NoneType"):
        jobs.copy_in("jobs", rows(None))
    with pytest.raises(pycopg.errors.UndefinedColumn):
        jobs.copy_in("jobs", rows((1, "x")), columns=["id", "nowhere"])
    with pytest.raises(pycopg.errors.UndefinedTable):
        jobs.copy_in("nowhere", rows((1, "x")))
    with jobs.connection() as conn:
        conn.execute("INSERT INTO jobs VALUES (-1)")
        with pytest.raises(pycopg.errors.InvalidTextRepresentation), conn.transaction():
            conn.copy_in("jobs", rows(("x", "y")))
    assert count(jobs) == 1


def test_many_rows_fit_generated_and_dropped_columns(jobs: PooledDatabase) -> None:
    jobs.execute(
        "CREATE TABLE odd (gone int, b text, twice int GENERATED ALWAYS AS (a * 2) STORED, a int);"
        "ALTER TABLE odd DROP COLUMN gone"
    )
    assert jobs.copy_in("odd", (("x", n) for n in range(3000))) == 3000
    assert jobs.copy_in("odd", ((n, "x") for n in range(3000)), columns=["a", "b"]) == 3000
    assert jobs.fetch_val("SELECT sum(twice) FROM odd") == 2 * 3000 * 2999


def test_names_are_quoted(jobs: PooledDatabase) -> None:
    jobs.execute('CREATE SCHEMA "S x"; CREATE TABLE "S x"."T.1" ("A b" int)')
    try:
        assert jobs.copy_in('"S x"."T.1"', [[1]], columns=["A b"]) == 1
        out = io.BytesIO()
        assert jobs.copy_out('"S x"."T.1"', out) == 1
        assert out.getvalue() == b"1\n"
    finally:
        jobs.execute('DROP SCHEMA "S x" CASCADE')
    with pytest.raises(pycopg.errors.UndefinedTable):
        jobs.copy_in("JOBS", [[1]])
    for name in ("", "a.", '"a', "a\0b"):
        with pytest.raises(pycopg.InterfaceError):
            jobs.copy_in(name, [[1]])


def test_files_and_data_go_in_in_their_format(jobs: PooledDatabase, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("id,label\n" + "".join(f'{n},"a, b"\n' for n in range(20_000)))
    with path.open("rb") as file:
        assert jobs.copy_in("jobs", file, format="csv", header=True) == 20_000
    with path.open() as file:
        jobs.execute("TRUNCATE jobs")
        assert jobs.copy_in("COPY jobs FROM STDIN (FORMAT csv, HEADER)", file) == 20_000
    assert jobs.copy_in("jobs", io.BytesIO(b"-1\tx\n-2\t\\N\n")) == 2
    assert jobs.copy_in("jobs", ["-3", "\ty\n", b"-4\tz", bytearray(b""), memoryview(b"\n")], format="text") == 2
    binary = io.BytesIO()
    assert jobs.copy_out("SELECT id - 100000, label FROM jobs ORDER BY 1", binary, format="binary") == 20_004
    binary.seek(0)
    assert jobs.copy_in("jobs", binary, format="binary") == 20_004


def test_what_is_copied_out_is_written_to_files_of_any_kind(jobs: PooledDatabase, tmp_path: pathlib.Path) -> None:
    jobs.copy_in("jobs", ((n, "ä") for n in range(30_000)))
    text = "".join(f"{n}\tä\n" for n in range(30_000))
    for mode, options in (("wb", {}), ("w", {"encoding": "utf-8"}), ("wb", {"buffering": 0})):
        path = tmp_path / "out"
        with path.open(mode, **options) as file:  # type: ignore[call-overload]
            assert jobs.copy_out("SELECT * FROM jobs ORDER BY id;", file) == 30_000
        assert path.read_text(encoding="utf-8") == text
    out = io.StringIO()
    assert jobs.copy_out("jobs", out, format="csv", header=True) == 30_000
    assert out.getvalue().startswith("id,label\n0,ä\n")
    with jobs.connection() as conn:
        assert conn.copy_out("COPY (SELECT 1 -- one\n) TO STDOUT", io.BytesIO()) == 1


def test_a_block_takes_pieces_and_rows(jobs: PooledDatabase) -> None:
    with jobs.connection() as conn:
        with conn.copy("COPY jobs FROM STDIN") as copy:
            copy.write(b"1\to")
            copy.write("ne\n")
            for n in range(2, 100_000):
                copy.write_row((n, "x"))
            copy.write(b"".join(b"%d\ty\n" % n for n in range(100_000, 150_000)))
            assert copy.rowcount == -1
        assert copy.rowcount == 149_999
    assert count(jobs) == 149_999


def test_a_block_is_read_in_pieces_and_in_rows(jobs: PooledDatabase) -> None:
    jobs.copy_in("jobs", ((n, None if n % 2 else "a\t\\") for n in range(50_000)))
    with jobs.connection() as conn:
        with conn.copy("COPY (SELECT * FROM jobs ORDER BY id) TO STDOUT") as copy:
            pieces = list(copy)
            assert copy.rowcount == 50_000
            assert copy.read() == b""
        assert all(piece.endswith(b"\n") for piece in pieces)
        assert max(map(len, pieces)) < 70_000
        assert len(b"".join(pieces).splitlines()) == 50_000
        with conn.copy("COPY (SELECT * FROM jobs ORDER BY id) TO STDOUT") as copy:
            rows = list(copy.rows())
        assert rows[:2] == [("0", "a\t\\"), ("1", None)]
        assert len(rows) == 50_000


def test_an_error_of_the_server_names_line_and_column(jobs: PooledDatabase) -> None:
    with pytest.raises(pycopg.errors.InvalidTextRepresentation) as raised:
        jobs.copy_in("jobs", [(1, "a"), ("x", "b")])
    assert 'COPY jobs, line 2, column id: "x"' in str(raised.value)
    assert raised.value.diag.context == 'COPY jobs, line 2, column id: "x"'
    with pytest.raises(pycopg.errors.BadCopyFileFormat, match="COPY jobs, line 1"):
        jobs.copy_in("jobs", [(1,)])
    with pytest.raises(pycopg.errors.UniqueViolation, match="COPY jobs, line 2"):
        jobs.copy_in("jobs", [(1, "a"), (1, "b")])
    with pytest.raises(pycopg.errors.CharacterNotInRepertoire):
        jobs.copy_in("jobs", [b"1\t\xff\n"], format="text")
    assert count(jobs) == 0


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ([(1, "a"), (2, "\0")], pycopg.DataError, "row 1: .*NUL"),
        ([(1, "a"), (2, "\ud800")], pycopg.DataError, "row 1: .*UTF-8"),
        ([(1, "a"), (2, object())], pycopg.ProgrammingError, "row 1: .*object"),
        ([(1, "a"), "xy"], pycopg.ProgrammingError, "row 1: a row must be a sequence of values, not str"),
        ([{"id": 1}], pycopg.ProgrammingError, "row 0: a dict is a row only"),
    ],
)
def test_a_row_that_cannot_be_sent_is_named_and_nothing_is_copied(
    jobs: PooledDatabase, rows: list[Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        jobs.copy_in("jobs", rows)
    assert count(jobs) == 0


def test_a_row_that_cannot_be_sent_leaves_the_block_open(jobs: PooledDatabase) -> None:
    with jobs.connection() as conn, conn.copy("COPY jobs FROM STDIN") as copy:
        copy.write_row((1, "a"))
        with pytest.raises(pycopg.DataError, match="row 1"):
            copy.write_row((2, "\0"))
        copy.write_row((3, "b"))
    assert [row["id"] for row in jobs.fetch_all("SELECT id FROM jobs ORDER BY id")] == [1, 3]


def test_wrong_arguments_are_refused_before_anything_is_sent(jobs: PooledDatabase) -> None:
    with jobs.connection() as conn:
        for call in (
            lambda: conn.copy_in("jobs", "1\ta\n"),
            lambda: conn.copy_in("jobs", b"1\ta\n", format="text"),
            lambda: conn.copy_in("jobs", [(1,)], columns="id"),
            lambda: conn.copy_in("jobs", [b""], format="arrow"),  # type: ignore[arg-type]
            lambda: conn.copy_in("jobs", [b""], header=True),
            lambda: conn.copy_in("COPY jobs FROM STDIN", [(1,)], columns=["id"]),
            lambda: conn.copy_out("COPY jobs TO STDOUT", io.BytesIO(), format="csv"),
            lambda: conn.copy_out("jobs", "a path"),  # type: ignore[arg-type]
        ):
            with pytest.raises(pycopg.ProgrammingError):
                call()
        with pytest.raises(TypeError):
            conn.copy_in("jobs", 5)  # type: ignore[arg-type]
        assert conn.info.transaction_status is TransactionStatus.IDLE


def failing() -> Iterator[tuple[int, str]]:
    for n in range(100_000):
        yield n, "x"
    raise LookupError("no more")


def test_an_exception_in_the_source_copies_nothing_and_the_connection_goes_on(jobs: PooledDatabase) -> None:
    with pytest.raises(LookupError):
        jobs.copy_in("jobs", failing())
    with jobs.connection() as conn:
        pid = conn.info.backend_pid
        with contextlib.suppress(LookupError), conn.copy("COPY jobs FROM STDIN") as copy:
            copy.write_row((1, "x"))
            raise LookupError
        assert copy.rowcount == -1
        assert conn.info.transaction_status is TransactionStatus.INERROR
        conn.rollback()
        assert conn.fetch_val("SELECT count(*) FROM jobs") == 0
        assert conn.info.backend_pid == pid


def test_a_consumer_that_stops_half_way_costs_no_connection(jobs: PooledDatabase) -> None:
    with jobs.connection() as conn:
        conn.autocommit = True
        pid = conn.info.backend_pid
        with conn.copy(f"COPY ({ENDLESS}) TO STDOUT") as copy:
            for _ in copy.rows():
                break
        assert conn.fetch_val("SELECT 1") == 1
        with contextlib.suppress(LookupError), conn.copy(f"COPY ({ENDLESS}) TO STDOUT") as copy:
            copy.read()
            raise LookupError
        assert conn.fetch_val("SELECT pg_backend_pid()") == pid


class FullDisk(io.BytesIO):
    def write(self, data: Any, /) -> int:
        raise OSError("no space left on device")


def test_a_file_that_cannot_be_written_ends_the_copy(jobs: PooledDatabase) -> None:
    with pytest.raises(OSError, match="no space"):
        jobs.copy_out(ENDLESS, FullDisk())
    assert jobs.fetch_val("SELECT 1") == 1


def test_another_call_meanwhile_is_told_what_is_open(jobs: PooledDatabase) -> None:
    with jobs.connection() as conn:
        with conn.copy("COPY jobs FROM STDIN") as copy:
            for call in (
                lambda: conn.execute("SELECT 1"),
                lambda: conn.copy_in("jobs", [(1, "a")]),
                conn.commit,
                conn.copy("COPY jobs TO STDOUT").__enter__,
            ):
                with pytest.raises(pycopg.InterfaceError, match="a COPY is open on the connection"):
                    call()
            copy.write_row((1, "x"))
        assert conn.fetch_val("SELECT count(*) FROM jobs") == 1


def test_the_wrong_direction_and_what_is_no_copy_are_refused(jobs: PooledDatabase) -> None:
    with jobs.connection() as conn:
        with pytest.raises(pycopg.ProgrammingError, match="no COPY"):
            conn.copy("SELECT 1").__enter__()
        with conn.copy("COPY jobs FROM STDIN") as copy, pytest.raises(pycopg.InterfaceError, match="not read"):
            copy.read()
        with conn.copy("COPY jobs TO STDOUT") as copy:
            copy.write(b"1\n")
            with pytest.raises(pycopg.InterfaceError, match="not written to"):
                copy.finish()
        with pytest.raises(pycopg.ProgrammingError, match="with statement"):
            conn.copy("COPY jobs TO STDOUT").read()
    with pytest.raises(pycopg.ProgrammingError, match="copy_in"):
        jobs.execute("COPY jobs FROM STDIN")


def test_a_killed_server_process_is_a_lost_connection_and_the_pool_serves_on(jobs: PooledDatabase) -> None:
    def rows(pid: int) -> Iterator[tuple[int, str]]:
        for n in range(1_000_000):
            if n == 10_000:
                jobs.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            yield n, "x"

    with pytest.raises(pycopg.OperationalError, match="COPY"), jobs.connection() as conn:
        conn.copy_in("jobs", rows(conn.info.backend_pid))
    assert count(jobs) == 0


def test_a_timeout_ends_it_and_nothing_is_copied(jobs: PooledDatabase) -> None:
    def endless() -> Iterator[tuple[int, str]]:
        n = 0
        while True:
            yield (n := n + 1), "x"

    with pytest.raises(pycopg.QueryTimeout):
        jobs.copy_in("jobs", endless(), timeout=0.3)
    assert count(jobs) == 0


def test_the_pools_close_ends_a_block_that_is_open(make_pool: Callable[..., PooledDatabase]) -> None:
    db = make_pool()
    db.execute("CREATE TABLE closed_in (id int)")
    closer = threading.Thread(target=lambda: db.close(timeout=0.2))

    def rows() -> Iterator[tuple[int]]:
        closer.start()
        while True:
            yield (1,)

    # Cut off during a call, or between two.
    with pytest.raises((pycopg.PoolClosed, pycopg.InterfaceError)), db.connection() as conn:
        conn.copy_in("closed_in", rows())
    closer.join()


def test_a_block_that_is_dropped_leaves_its_connection_to_the_pool(jobs: PooledDatabase) -> None:
    def drop_one() -> None:
        with jobs.connection() as conn:
            copy = conn.copy("COPY jobs FROM STDIN").__enter__()
            copy.write_row((1, "x"))

    with pytest.raises(pycopg.InterfaceError, match="a COPY is open"):
        drop_one()
    assert count(jobs) == 0


def test_a_pool_with_a_check_copies_as_well(make_pool: Callable[..., PooledDatabase], jobs: PooledDatabase) -> None:
    db = make_pool(check=lambda conn: conn.execute("SELECT 1"))
    assert db.copy_in("jobs", [(1, "a")]) == 1
    out = io.BytesIO()
    assert db.copy_out("jobs", out) == 1
    assert out.getvalue() == b"1\ta\n"


def test_the_memory_of_a_large_copy_is_bounded(jobs: PooledDatabase) -> None:
    jobs.copy_in("jobs", ((n, "x" * 50) for n in range(1000)))
    jobs.execute("TRUNCATE jobs")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert jobs.copy_in("jobs", ((n, "x" * 50) for n in range(500_000))) == 500_000
    with jobs.connection() as conn, conn.copy("COPY jobs TO STDOUT") as copy:
        assert sum(map(len, copy)) > 25_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024
