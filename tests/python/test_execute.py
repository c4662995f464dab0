"""Calls on the pool: results, placeholders, execute_many, errors."""

from __future__ import annotations

import gc
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pycopg
from conftest import eventually
from pycopg import PooledDatabase

MakePool = Callable[..., PooledDatabase]


def test_rows_are_dicts_in_column_order_and_the_last_of_equal_names_wins(db: PooledDatabase) -> None:
    (row,) = db.execute("SELECT 1 AS b, 2 AS a, 3 AS b")
    assert list(row.items()) == [("b", 3), ("a", 2)]


@pytest.mark.parametrize("count", [3, 2000])
def test_each_row_is_a_dict_of_its_own(db: PooledDatabase, count: int) -> None:
    rows = db.execute(
        "SELECT n AS a, n::text AS b, NULL AS c, 9 AS a, n %% 2 = 0 AS d FROM generate_series(1, %s) n", [count]
    )
    assert [list(row.items()) for row in rows] == [
        [("a", 9), ("b", str(n)), ("c", None), ("d", n % 2 == 0)] for n in range(1, count + 1)
    ]
    first, second, *others = rows
    first["e"] = [first]
    second.update(a=0, f=1)
    del first["b"]
    others[0].clear()
    assert list(first) == ["a", "c", "d", "e"]
    assert second == {"a": 0, "b": "2", "c": None, "d": True, "f": 1}
    assert others[0] == {}
    assert others[-1] == ({"a": 9, "b": str(count), "c": None, "d": count % 2 == 0} if count > 3 else {})
    assert type(second) is dict
    assert pickle.loads(pickle.dumps(second)) == second


@pytest.mark.parametrize(
    "names",
    [
        ("__class__", "b"),
        ("__dict__",),
        ("__weakref__", "__slots__"),
        ("", "1 2", "ä"),
        tuple(f"c{n}" for n in range(200)),
        (),
    ],
    ids=["class", "dict", "weakref", "odd", "many", "none"],
)
def test_many_rows_with_any_names(db: PooledDatabase, names: tuple[str, ...]) -> None:
    columns = ", ".join(f'{n} AS "{name}"' for n, name in enumerate(names) if name)
    rows = db.execute(f"SELECT {columns} FROM generate_series(1, 1000)")
    assert rows == [{name: n for n, name in enumerate(names) if name}] * 1000


def test_the_dicts_of_many_rows_share_their_keys(db: PooledDatabase) -> None:
    row, *_ = db.execute("SELECT n AS a, 2 AS b, 3 AS c, 4 AS d, 5 AS e, 6 AS f FROM generate_series(1, 1000) n")
    alone = dict.fromkeys(row, 1)
    assert sys.getsizeof(row) < 0.6 * sys.getsizeof(alone)
    assert gc.is_tracked(row) == gc.is_tracked(alone), "for the garbage collector no more than any other of numbers"


def test_rows_are_tuples_on_request(make_pool: MakePool) -> None:
    db = make_pool(row_factory=tuple)
    assert db.execute("SELECT 1, 2") == [(1, 2)]
    assert db.fetch_one("SELECT 1, NULL") == (1, None)
    with db.connection() as conn:
        assert conn.execute("SELECT 3").fetchone() == (3,)
        assert conn.cursor(row_factory=dict).execute("SELECT 3 AS a").fetchone() == {"a": 3}


def test_a_statement_without_rows_gives_an_empty_list(users: PooledDatabase) -> None:
    assert users.execute("UPDATE users SET active = false") == []
    assert users.execute("SELECT * FROM users WHERE id < 0") == []
    assert users.execute("") == []


def test_rows_without_columns_are_rows(make_pool: MakePool) -> None:
    nothing = "SELECT FROM generate_series(1, %s)"
    dicts, tuples = make_pool(), make_pool(row_factory=tuple)
    assert dicts.execute(nothing, [3]) == [{}, {}, {}]
    assert tuples.execute(nothing, [3]) == [(), (), ()]
    assert tuples.fetch_one(nothing, [3]) == ()
    assert dicts.fetch_one(nothing, [3]) == {}
    assert dicts.fetch_one(nothing, [0]) is None
    assert dicts.fetch_val(nothing, [0]) is None
    with pytest.raises(pycopg.ProgrammingError, match="SELECT 3.*no column"):
        dicts.fetch_val(nothing, [3])
    assert tuples.execute("SET search_path = public; SELECT; SELECT 1") == [()], "the first that returns any"
    with tuples.connection() as conn:
        cursor = conn.execute(nothing, [2])
        assert (cursor.description, cursor.rowcount, cursor.rownumber) == ([], 2, 0)
        assert cursor.fetchall() == [(), ()]


def test_what_execute_changes_is_there_to_stay(users: PooledDatabase) -> None:
    rows = users.execute("INSERT INTO users (name) VALUES (%s) RETURNING id, name", ["Edsger"])
    assert rows == [{"id": 3, "name": "Edsger"}]
    assert users.fetch_val("SELECT count(*) FROM users") == 3


def test_fetch_one_and_fetch_val(users: PooledDatabase) -> None:
    assert users.fetch_one("SELECT name FROM users WHERE id = %s", [1]) == {"name": "Ada"}
    assert users.fetch_one("SELECT name FROM users WHERE id = %s", [100]) is None
    assert users.fetch_val("SELECT name FROM users WHERE id = %(id)s", {"id": 2}) == "Grace"
    assert users.fetch_val("SELECT name FROM users WHERE false") is None
    for fetch in (users.fetch_one, users.fetch_val):
        assert fetch("UPDATE users SET active = true") is None


@pytest.mark.parametrize(
    ("sql", "params", "value"),
    [
        ("SELECT %s::int", [7], 7),
        ("SELECT %s::int", (7,), 7),
        ("SELECT %(a)s::int + %(b)s::int * %(a)s::int", {"a": 2, "b": 3}, 8),
        ("SELECT 7 %% %s::int", [4], 3),
        ("SELECT '%s' || %s::text", ["x"], "%sx"),
        ("SELECT '100%' || %s::text", ["x"], "100%x"),
        ("SELECT 'a%%b' || %s::text", ["x"], "a%bx"),
        ("SELECT 'it''s %s' || %s::text", ["x"], "it's %sx"),
        (r"SELECT E'\'%s' || %s::text", ["x"], "'%sx"),
        (r"SELECT E'it''s \'%s' || %s::text", ["x"], "it's '%sx"),
        ("SELECT E'a' -- 100%%\n'\\'%s' || %s::text", ["x"], "a'%sx"),
        ("SELECT $$ %s $$ || %s::text", ["x"], " %s x"),
        ("SELECT $a$ %s $b$ $$ $a$ || %s::text", ["x"], " %s $b$ $$ x"),
        ('SELECT a."%s" || %s::text FROM (SELECT 1 AS "%s") AS a', ["x"], "1x"),
        ("SELECT %s::text -- and %s\n", ["x"], "x"),
        ("SELECT -- 100%%\r%s::text", ["x"], "x"),
        ("SELECT /* %s /* %s */ */ %s::text", ["x"], "x"),
        ("SELECT %s::int AS a$b$c", [1], 1),
        ("SELECT %s::text || 'ü%%'", ["ö"], "öü%"),
        ("SELECT 1 %% 2", [], 1),
    ],
)
def test_placeholders(db: PooledDatabase, sql: str, params: Any, value: object) -> None:
    for _ in range(3):  # rewritten, from the cache, and by a prepared statement
        assert db.fetch_val(sql, params) == value


def test_without_parameters_the_text_is_sent_untouched(db: PooledDatabase) -> None:
    assert db.fetch_val("SELECT '%s %% %(a)s'") == "%s %% %(a)s"
    assert db.fetch_val("SELECT 7 % 4") == 3
    assert db.execute("SELECT 1 AS a; SELECT 2 AS b") == [{"a": 1}]
    assert db.execute("CREATE TEMP TABLE t (a int); SELECT 2 AS b") == [{"b": 2}]


@pytest.mark.parametrize(
    ("sql", "params", "message"),
    [
        ("SELECT %s, %s", [1], "2 placeholders but 1 parameters"),
        ("SELECT 1", [1], "0 placeholders but 1 parameters"),
        ("SELECT %s", [], "1 placeholders but 0 parameters"),
        ("SELECT %s, %(a)s", [1], "cannot be mixed"),
        ("SELECT %(a)s, %s", {"a": 1}, "cannot be mixed"),
        ("SELECT %(a)s", {"b": 1}, "needs a parameter 'a'"),
        ("SELECT %(a)s", [1], "needs a mapping"),
        ("SELECT %s", {"a": 1}, "needs a sequence"),
        ("SELECT 1 % 2, %s", [1], "'% ' is no placeholder"),
        ("SELECT %d", [1], "'%d' is no placeholder"),
        ("SELECT %€", [1], "'%€' is no placeholder"),
        ("SELECT %(aäöüäöüäöüä", {"a": 1}, "incomplete placeholder: '%[(]aäöüäöüäöü'"),
        ("SELECT %(a)€", {"a": 1}, "'%[(]a[)]€' is no placeholder"),
        ("SELECT %s %", [1], "incomplete placeholder"),
        ("SELECT %(a", {"a": 1}, "incomplete placeholder"),
        ("SELECT %(a)d", {"a": 1}, "must be followed by s"),
        ("SELECT %s; SELECT 2", [1], "several statements"),
        ("SELECT 1; SELECT 2", [], "several statements"),
    ],
)
def test_wrong_parameters_are_a_programming_error_that_says_which(
    db: PooledDatabase, sql: str, params: Any, message: str
) -> None:
    before = db.stats["requests_num"]
    with pytest.raises(pycopg.ProgrammingError, match=message):
        db.execute(sql, params)
    assert db.stats["requests_num"] == before, "nothing is asked of the pool for that"


def test_what_is_no_collection_is_a_type_error(db: PooledDatabase) -> None:
    for params in (1, "x", b"x", {1}):
        with pytest.raises(TypeError, match="sequence or a mapping"):
            db.execute("SELECT %s", params)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        db.execute(b"SELECT 1")  # type: ignore[arg-type]


def test_a_text_with_a_nul_or_a_surrogate_is_refused(db: PooledDatabase) -> None:
    for sql in ("SELECT 1\0", "SELECT '\ud800'"):
        for params in (None, []):
            with pytest.raises(pycopg.ProgrammingError):
                db.execute(sql, params)
    assert db.fetch_val("SELECT 1") == 1


def test_65535_parameters_are_sent_and_more_are_refused(db: PooledDatabase) -> None:
    most = 65535
    text = "SELECT " + "+".join(["%s::int"] * most)
    assert db.fetch_val("SELECT array_length(ARRAY[" + ",".join(["%s"] * most) + "], 1)", [1] * most) == most
    with pytest.raises(pycopg.ProgrammingError, match="at most 65535"):
        db.execute(text + "+%s", [1] * (most + 1))


def test_execute_many_is_all_or_nothing_and_names_the_row(users: PooledDatabase) -> None:
    sql = "INSERT INTO users (name) VALUES (%s)"
    assert users.execute_many(sql, [("Alice",), ("Bob",)]) == 2
    with pytest.raises(pycopg.IntegrityError) as raised:
        users.execute_many(sql, ((name,) for name in ("Carol", "Dave", "Alice", "Eve")))
    assert raised.value.row_index == 2
    assert "row 2" in str(raised.value)
    assert users.fetch_val("SELECT count(*) FROM users") == 4
    assert users.execute_many("UPDATE users SET active = %(on)s", [{"on": True}, {"on": False}]) == 8


def test_execute_many_without_rows_asks_for_no_connection(db: PooledDatabase) -> None:
    before = db.stats["requests_num"]
    assert db.execute_many("nonsense", []) == 0
    assert db.execute_many("nonsense", iter(())) == 0
    assert db.stats["requests_num"] == before


def test_execute_many_streams_many_rows(users: PooledDatabase) -> None:
    count = 20_000
    taken = 0

    def rows() -> Iterator[tuple[str]]:
        nonlocal taken
        for taken in range(1, count + 1):
            yield (f"user {taken}",)

    assert users.execute_many("INSERT INTO users (name) VALUES (%s)", rows()) == count
    assert taken == count
    assert users.fetch_val("SELECT count(*) FROM users") == count + 2


def test_an_iterable_that_raises_half_way_leaves_nothing_behind(users: PooledDatabase) -> None:
    def rows(count: int) -> Iterator[list[str]]:
        for i in range(count):
            yield [f"user {i}"]
        raise LookupError("the source is dry")

    for count in (0, 1, 300, 2000):
        with pytest.raises(LookupError, match="the source is dry"):
            users.execute_many("INSERT INTO users (name) VALUES (%s)", rows(count))
        assert users.fetch_val("SELECT count(*) FROM users") == 2


def test_rows_that_do_not_fit_are_named(users: PooledDatabase) -> None:
    sql = "INSERT INTO users (name) VALUES (%s)"
    bad_rows: list[Any] = [["a"], ["b", "c"]]
    with pytest.raises(pycopg.ProgrammingError, match="row 1: .*1 placeholders but 2"):
        users.execute_many(sql, bad_rows)
    with pytest.raises(pycopg.DataError) as raised:
        users.execute_many(sql, [[f"x{n}"] for n in range(600)] + [["\0"]])
    assert raised.value.row_index == 600
    assert users.fetch_val("SELECT count(*) FROM users") == 2


def test_numbers_of_different_sizes_in_one_execute_many(users: PooledDatabase) -> None:
    numbers = [1, 40_000, 2, None, 5_000_000_000, 3, 10**25, 4, -1]
    users.execute("CREATE TABLE numbers (n numeric)")
    assert users.execute_many("INSERT INTO numbers VALUES (%s)", [[n] for n in numbers]) == len(numbers)
    assert [row["n"] for row in users.execute("SELECT n FROM numbers")] == numbers


def test_a_source_may_use_the_pool(users: PooledDatabase) -> None:
    rows = ([users.fetch_val("SELECT %s || 'x'", [str(i)])] for i in range(700))
    assert users.execute_many("INSERT INTO users (name) VALUES (%s)", rows) == 700


@pytest.mark.parametrize(
    ("sql", "error", "sqlstate"),
    [
        ("SELEC 1", pycopg.ProgrammingError, "42601"),
        ("SELECT * FROM nothing", pycopg.ProgrammingError, "42P01"),
        ("SELECT 1/0", pycopg.DataError, "22012"),
        ("INSERT INTO users (name) VALUES ('Ada')", pycopg.IntegrityError, "23505"),
        ("INSERT INTO users (name) VALUES (NULL)", pycopg.IntegrityError, "23502"),
        ("SET LOCAL statement_timeout = 20; SELECT pg_sleep(9)", pycopg.OperationalError, "57014"),
        ("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$", pycopg.OperationalError, "40001"),
        ("DO $$ BEGIN RAISE EXCEPTION 'no'; END $$", pycopg.ProgrammingError, "P0001"),
        ("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '0A000'; END $$", pycopg.NotSupportedError, "0A000"),
        ("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'XX001'; END $$", pycopg.InternalError, "XX001"),
    ],
)
def test_errors_are_chosen_by_sqlstate(
    users: PooledDatabase, sql: str, error: type[pycopg.Error], sqlstate: str
) -> None:
    with pytest.raises(error) as raised:
        users.execute(sql)
    assert type(raised.value) is pycopg.errors.lookup(sqlstate)
    assert raised.value.sqlstate == sqlstate == raised.value.diag.sqlstate
    assert raised.value.query == sql
    assert users.fetch_val("SELECT 1") == 1


def test_an_error_carries_what_the_server_said(users: PooledDatabase) -> None:
    with pytest.raises(pycopg.IntegrityError) as raised:
        users.execute("INSERT INTO users (name) VALUES (%s)", ["Ada"])
    diag = raised.value.diag
    assert diag.severity == "ERROR"
    assert diag.message_primary == 'duplicate key value violates unique constraint "users_name_key"'
    assert diag.message_detail == "Key (name)=(Ada) already exists."
    assert (diag.table_name, diag.constraint_name) == ("users", "users_name_key")
    with pytest.raises(pycopg.ProgrammingError) as raised_too:
        users.execute("SELECT nme FROM users")
    assert raised_too.value.diag.statement_position == 8
    assert "users.name" in (raised_too.value.diag.message_hint or "")
    again = pickle.loads(pickle.dumps(raised_too.value))
    assert (type(again), str(again), again.diag) == (type(raised_too.value), str(raised_too.value), diag_of(raised_too))


def diag_of(raised: pytest.ExceptionInfo[pycopg.ProgrammingError]) -> pycopg.Diagnostic:
    return raised.value.diag


def test_copy_is_refused_and_the_connection_goes_on(users: PooledDatabase) -> None:
    for sql in ("COPY users FROM STDIN", "COPY users TO STDOUT"):
        with pytest.raises(pycopg.ProgrammingError, match="COPY"):
            users.execute(sql)
    assert users.fetch_val("SELECT 1") == 1


def test_many_threads_get_their_own_rows(make_pool: MakePool) -> None:
    db = make_pool(max_size=3)
    wrong: list[object] = []

    def work(number: int) -> None:
        for i in range(200):
            value = db.fetch_val("SELECT %s::text", [f"{number}/{i}"])
            if value != f"{number}/{i}":
                wrong.append(value)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert db.stats["pool_size"] <= 3
    eventually(lambda: db.stats["pool_available"] == db.stats["pool_size"])


def test_a_text_is_found_again_whatever_object_holds_it(db: PooledDatabase) -> None:
    for i in range(3000):  # more texts than are kept
        assert db.fetch_val(f"SELECT %s::int + {i}", [1]) == i + 1
    text = "".join(["SELECT ", "%s::int"])
    assert db.fetch_val(text, [1]) == db.fetch_val("SELECT %s::int", [1]) == 1
    gc.collect()
    assert db.fetch_val(text, [2]) == 2


def test_a_text_needs_no_hash(db: PooledDatabase) -> None:
    class Text(str):
        __hash__ = None  # type: ignore[assignment]

    for sql in ("SELECT %s::int", Text("SELECT %s::int")):
        assert db.fetch_val(sql, [1]) == 1
