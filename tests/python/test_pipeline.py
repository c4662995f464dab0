"""`execute_all` of pools and connections: all or none, or each its own; for threads and asyncio."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
from collections.abc import Iterator
from typing import Any

import pytest

import pycopg
from conftest import Run, eventually_async, idle
from pycopg import Answer, AsyncPooledDatabase, PooledDatabase, TransactionStatus, errors, sql

INSERT = "INSERT INTO piped VALUES (%s) RETURNING n"
TWICE: list[Any] = [(INSERT, [1]), (INSERT, [2]), (INSERT, [1]), "SELECT 'last'"]
SLEEP = "SELECT pg_sleep(600)"
KILL = "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(600)"


@pytest.fixture(autouse=True)
def table(users: PooledDatabase) -> None:
    users.execute("CREATE TABLE piped (n int PRIMARY KEY)")


def rows(db: PooledDatabase) -> Any:
    return db.fetch_val("SELECT count(*) FROM piped")


async def rows_async(db: AsyncPooledDatabase) -> Any:
    return await db.fetch_val("SELECT count(*) FROM piped")


def test_all_are_kept_and_each_has_its_answer(users: PooledDatabase) -> None:
    first, second, update, last = users.execute_all(
        iter(
            [
                (INSERT, [1]),
                (INSERT, (2,)),
                ("UPDATE piped SET n = n + %(by)s", {"by": 10}),
                "SELECT * FROM piped ORDER BY n",
            ]
        )
    )
    assert first.rows == [{"n": 1}]
    assert second.first == {"n": 2}
    assert second.value == 2
    assert update.rowcount == 2
    assert update.rows == []
    assert update.first is None
    assert update.value is None
    assert update.statusmessage == "UPDATE 2"
    assert last.rows == [{"n": 11}, {"n": 12}]
    assert last.rows is last.rows
    assert repr(update) == "<pycopg.Answer 'UPDATE 2', rowcount=2>"
    assert rows(users) == 2
    assert users.execute_all([]) == []


@pytest.mark.parametrize("prepared", [False, True])
def test_an_error_names_its_statement_and_nothing_is_kept(users: PooledDatabase, prepared: bool) -> None:
    for _use in range(4 if prepared else 1):
        with pytest.raises(errors.UniqueViolation) as raised:
            users.execute_all(TWICE)
        assert raised.value.statement_index == 2
        assert raised.value.query == INSERT, "as it was written"
        assert str(raised.value).startswith("statement 2: duplicate key")
        assert rows(users) == 0


def test_each_its_own_has_errors_in_the_list(users: PooledDatabase) -> None:
    one, two, three, last = users.execute_all(TWICE, transaction=False)
    assert isinstance(one, Answer)
    assert one.value == 1
    assert isinstance(two, Answer)
    assert two.value == 2
    assert isinstance(three, errors.UniqueViolation)
    assert three.query == INSERT
    assert isinstance(last, Answer)
    assert last.value == "last"
    assert rows(users) == 2


def test_an_error_points_into_the_text_as_it_was_written(users: PooledDatabase) -> None:
    query = "SELECT %s::int, nope"
    with pytest.raises(errors.UndefinedColumn) as raised:
        users.execute_all(["SELECT 1", (query, [1])])
    assert raised.value.query == query
    assert raised.value.diag.statement_position == query.index("nope") + 1
    failed = users.execute_all([(query, [1])], transaction=False)[0]
    assert isinstance(failed, errors.UndefinedColumn)
    assert failed.query == query


@dataclasses.dataclass
class Number:
    n: int


def test_rows_become_what_the_call_says(users: PooledDatabase) -> None:
    statements = [(INSERT, [1]), "SELECT n FROM piped"]
    answers = users.execute_all(statements, row=Number)
    assert [answer.first for answer in answers] == [Number(1), Number(1)]
    with users.connection() as conn:
        conn.row_factory = tuple
        assert [answer.rows for answer in conn.execute_all(["SELECT 1, 2", "SELECT 3"])] == [[(1, 2)], [(3,)]]
    misfit = users.execute_all(["SELECT 1 AS n", "SELECT 1 AS other"], row=Number)
    assert misfit[0].rows == [Number(1)]
    with pytest.raises(pycopg.ProgrammingError, match="other"):
        _ = misfit[1].rows


def test_composed_sql_and_placeholders_are_those_of_execute(users: PooledDatabase) -> None:
    composed = sql.SQL("INSERT INTO {} VALUES ({})").format(sql.Identifier("piped"), sql.Placeholder())
    answers = users.execute_all([(composed, [7]), sql.SQL("SELECT n FROM piped"), ["SELECT 1"], ("SELECT 2", None)])
    assert [answer.value for answer in answers] == [None, 7, 1, 2]
    with pytest.raises(errors.UniqueViolation) as raised:
        users.execute_all([(composed, [7])])
    assert raised.value.query == 'INSERT INTO "piped" VALUES (%s)'


@pytest.mark.parametrize("transaction", [True, False])
def test_what_cannot_be_read_is_refused_before_anything_is_sent(users: PooledDatabase, transaction: bool) -> None:
    good = (INSERT, [1])
    for wrong, error, words in (
        ((INSERT, [1, 2]), pycopg.ProgrammingError, "statement 1: the query has 1 placeholders"),
        ((INSERT, ["a\0b"]), pycopg.DataError, "statement 1: "),
        (3, TypeError, "statement 1: the query must be"),
        ((), TypeError, "statement 1: it must be SQL"),
        ((INSERT, [1], 2), TypeError, "statement 1: it must be SQL"),
    ):
        given: Any = [good, wrong]
        with pytest.raises(error, match=words):
            users.execute_all(given, transaction=transaction)
    for not_a_list in ("SELECT 1", 3):
        anything: Any = not_a_list
        with pytest.raises(TypeError):
            users.execute_all(anything, transaction=transaction)

    def fails() -> Iterator[Any]:
        yield good
        raise LookupError

    with pytest.raises(LookupError):
        users.execute_all(fails(), transaction=transaction)
    assert rows(users) == 0


def test_what_cannot_travel_is_refused_with_all_or_alone(users: PooledDatabase) -> None:
    for text in ("SELECT 1; SELECT 2", "COPY piped TO STDOUT", "SELECT '\0'"):
        with pytest.raises(pycopg.Error) as raised:
            users.execute_all([(INSERT, [1]), text])
        assert raised.value.statement_index == 1
        assert rows(users) == 0
        answers = users.execute_all([text, "SELECT 3"], transaction=False)
        assert isinstance(answers[0], pycopg.Error)
        assert isinstance(answers[1], Answer)
        assert answers[1].value == 3
    for text in ("BEGIN", "COMMIT", "ROLLBACK"):
        with pytest.raises(pycopg.ProgrammingError, match="begin or end"):
            users.execute_all([(INSERT, [1]), text])


def test_on_a_connection_they_belong_to_its_transaction(users: PooledDatabase) -> None:
    with users.connection() as conn:
        conn.execute_all([(INSERT, [1]), (INSERT, [2])])
        assert conn.info.transaction_status == TransactionStatus.INTRANS
        assert rows(users) == 0
        conn.commit()
        assert rows(users) == 2
        with pytest.raises(errors.UniqueViolation):
            conn.execute_all(TWICE)
        assert conn.info.transaction_status == TransactionStatus.INERROR
        conn.rollback()
        answers = conn.execute_all([(INSERT, [2]), "SELECT 1"], transaction=False)
        assert isinstance(answers[0], errors.UniqueViolation)
        assert isinstance(answers[1], errors.InFailedSqlTransaction)
        conn.rollback()
        conn.autocommit = True
        conn.execute_all([(INSERT, [3])])
        assert conn.info.transaction_status == TransactionStatus.IDLE
        assert rows(users) == 3
        with pytest.raises(errors.UniqueViolation):
            conn.execute_all([(INSERT, [4]), (INSERT, [3])])
        assert conn.info.transaction_status == TransactionStatus.IDLE
        assert rows(users) == 3


def test_a_pool_with_check_executes_them_as_well(server_url: str) -> None:
    with PooledDatabase.from_url(server_url, check=lambda conn: conn.execute("SELECT 1")) as db:
        assert [answer.value for answer in db.execute_all([(INSERT, [1]), "SELECT 2"], row=tuple)] == [1, 2]
        with pytest.raises(errors.UniqueViolation) as raised:
            db.execute_all(TWICE)
        assert raised.value.statement_index == 0
        assert isinstance(db.execute_all(TWICE, transaction=False)[2], errors.UniqueViolation)


def test_a_killed_backend_leaves_what_is_known(users: PooledDatabase) -> None:
    statements: list[Any] = [(INSERT, [1]), KILL, (INSERT, [2])]
    with pytest.raises(pycopg.CommitUnknown):
        users.execute_all(statements)
    assert rows(users) == 0
    one, two, three = users.execute_all(statements, transaction=False)
    assert isinstance(one, Answer)
    assert one.value == 1
    assert isinstance(two, pycopg.OperationalError)
    assert isinstance(three, pycopg.OperationalError)
    assert rows(users) == 1


def test_the_time_is_that_of_the_whole_call(users: PooledDatabase) -> None:
    statements: list[Any] = [(INSERT, [1]), SLEEP]
    with pytest.raises(pycopg.CommitUnknown):
        users.execute_all(statements, timeout=0.1)
    with pytest.raises(pycopg.QueryTimeout):
        users.execute_all(statements, transaction=False, timeout=0.1)
    assert rows(users) == 1
    with users.connection() as conn:
        with pytest.raises(pycopg.QueryTimeout):
            conn.execute_all(["SELECT 1", SLEEP], timeout=0.1)
        conn.close()


def test_ten_thousand_statements_with_large_answers_pass(users: PooledDatabase) -> None:
    large = "x" * 10_000
    for transaction in (True, False):
        answers = users.execute_all((("SELECT %s::text", [large]) for _ in range(10_000)), transaction=transaction)
        assert len(answers) == 10_000
        last = answers[-1]
        assert isinstance(last, Answer)
        assert last.value == large


def test_tasks_get_the_same(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        assert await db.execute_all([]) == []
        with pytest.raises(errors.UniqueViolation) as raised:
            await db.execute_all(TWICE)
        assert raised.value.statement_index == 2
        assert raised.value.query == INSERT
        assert await rows_async(db) == 0
        answers = await db.execute_all(TWICE, transaction=False)
        assert [type(it).__name__ for it in answers] == ["Answer", "Answer", "UniqueViolation", "Answer"]
        assert [it.rows for it in await db.execute_all(["SELECT 1, 2", "SELECT 3"], row=tuple)] == [[(1, 2)], [(3,)]]
        async with db.connection() as conn:
            await conn.execute_all([(INSERT, [7]), (INSERT, [8])])
            assert conn.info.transaction_status == TransactionStatus.INTRANS
            assert await rows_async(db) == 2
            with pytest.raises(errors.UniqueViolation):
                await conn.execute_all(TWICE)
            assert conn.info.transaction_status == TransactionStatus.INERROR
            await conn.rollback()
            assert await conn.execute_all([]) == []
            both = await asyncio.gather(conn.execute_all(["SELECT 1"]), conn.execute_all(["SELECT 2"]))
            assert [it[0].value for it in both] == [1, 2]
        with pytest.raises(pycopg.ProgrammingError, match="statement 0"):
            await db.execute_all([(INSERT, [1, 2])])
        with pytest.raises(pycopg.CommitUnknown):
            await db.execute_all([(INSERT, [9]), KILL])
        assert await rows_async(db) == 2

    run(body)


def running(users: PooledDatabase) -> Any:
    return users.fetch_val("SELECT count(*) FROM pg_stat_activity WHERE query = %s AND state = 'active'", [SLEEP])


def test_a_cancelled_task_leaves_the_pool_whole(run: Run, users: PooledDatabase) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        for transaction in (True, False):
            task = asyncio.ensure_future(db.execute_all(["SELECT 1", SLEEP, (INSERT, [1])], transaction=transaction))
            await eventually_async(lambda: running(users))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await eventually_async(lambda: idle(db))
            # Each its own: what is behind the one that was cancelled may have run.
            assert await rows_async(db) == 0 or not transaction

    run(body)


def test_a_pool_of_tasks_with_check_executes_them_as_well(server_url: str) -> None:
    async def accept(conn: pycopg.AsyncConnection) -> None:
        await conn.execute("SELECT 1")

    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, check=accept) as db:
            assert [it.value for it in await db.execute_all([(INSERT, [1]), "SELECT 2"])] == [1, 2]

    asyncio.run(main())


class Mood(enum.Enum):
    sad = 1
    ok = 2


MOODS: list[Any] = [("SELECT %s::mood", [Mood.ok]), "SELECT ARRAY['sad', 'ok']::mood[]", (INSERT, [1])]


@pytest.mark.parametrize("transaction", [True, False])
def test_types_of_the_program_are_sent_and_read(users: PooledDatabase, transaction: bool) -> None:
    users.types.register("mood", Mood)
    with pytest.raises(pycopg.ProgrammingError, match="statement 1: .*'mood'"):
        users.execute_all(["SELECT 1", *MOODS], transaction=transaction)
    users.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    for _use in range(3):
        answers = users.execute_all(iter(MOODS), transaction=transaction)
        assert [getattr(it, "value", None) for it in answers] == [Mood.ok, [Mood.sad, Mood.ok], 1]
        users.execute("TRUNCATE piped")
    with users.connection() as conn:
        assert [it.value for it in conn.execute_all(MOODS)] == [Mood.ok, [Mood.sad, Mood.ok], 1]


def test_types_that_are_met_in_the_rows_are_looked_up(users: PooledDatabase) -> None:
    users.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    users.types.register("mood", Mood)
    assert users.execute_all(["SELECT 'ok'::mood", "SELECT ARRAY['sad']::mood[]"])[1].value == [Mood.sad]


def test_tasks_send_and_read_types_of_the_program(run: Run, users: PooledDatabase) -> None:
    users.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")

    async def body(db: AsyncPooledDatabase) -> None:
        db.types.register("mood", Mood)
        assert (await db.execute_all(["SELECT 'ok'::mood"]))[0].value is Mood.ok
        assert [it.value for it in await db.execute_all(iter(MOODS))] == [Mood.ok, [Mood.sad, Mood.ok], 1]
        await db.execute("TRUNCATE piped")
        async with db.connection() as conn:
            assert [it.value for it in await conn.execute_all(MOODS)] == [Mood.ok, [Mood.sad, Mood.ok], 1]

    run(body)
