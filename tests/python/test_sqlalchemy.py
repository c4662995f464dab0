"""SQLAlchemy on copg: engines and their pools, transactions, the ORM, asyncio, Alembic, and SQLAlchemy's own suite."""

from __future__ import annotations

import asyncio
import os
import pathlib
import re
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Optional

import pytest

sa = pytest.importorskip("sqlalchemy")

from sqlalchemy import orm  # noqa: E402
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine  # noqa: E402

import pycopg  # noqa: E402
from conftest import eventually_async  # noqa: E402
from pycopg import PooledDatabase, TransactionStatus  # noqa: E402

SUITE = pathlib.Path(__file__).parents[1] / "sqlalchemy"
Make = Callable[..., Any]


class Base(orm.DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "sa_people"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(unique=True)
    data: orm.Mapped[Optional[dict[str, Any]]] = orm.mapped_column(sa.JSON)  # noqa: UP045  (read at run time, in 3.9 too)


@pytest.fixture
def url(server_url: str) -> str:
    return server_url.replace("postgresql://", "postgresql+copg://", 1)


@pytest.fixture
def make_engine(url: str) -> Iterator[Make]:
    engines: list[Any] = []

    def make(**options: Any) -> Any:
        engines.append(sa.create_engine(url, **options))
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture
def people(make_engine: Make) -> Iterator[Any]:
    engine = make_engine(pool_size=2, max_overflow=0, pool_timeout=5)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    yield engine
    Base.metadata.drop_all(engine)


def on_loop(url: str, body: Callable[[AsyncEngine], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        engine = create_async_engine(url, **options)
        try:
            return await body(engine)
        finally:
            await engine.dispose()

    return asyncio.run(main())


def test_an_engine_has_a_pool_of_copg_with_the_options_of_a_queue_pool(make_engine: Make) -> None:
    engine = make_engine(pool_size=2, max_overflow=1, pool_timeout=0.2, pool_recycle=60, pool_options={"name": "shop"})
    assert engine.pool.status() == "not opened yet"
    with engine.connect() as first, engine.connect(), engine.connect():
        assert first.scalar(sa.text("SELECT 1")) == 1
        database = engine.dialect.database
        assert (database.name, database.stats["leased"], database.stats["pool_max"]) == ("shop", 3, 3)
        with pytest.raises(sa.exc.OperationalError, match="3/3 leased") as caught, engine.connect():
            pass
        assert isinstance(caught.value.orig, pycopg.PoolTimeout)
    assert database.stats["leased"] == 0
    assert "shop" in engine.pool.status()


@pytest.mark.parametrize("options", [{"pool_size": -1}, {"max_overflow": -1}])
def test_a_pool_has_a_bound(make_engine: Make, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="bound"):
        make_engine(**options)


def test_an_engine_leases_from_a_pool_that_exists(make_engine: Make, db: PooledDatabase) -> None:
    engine = make_engine(database=db)
    with engine.connect() as connection:
        pid = connection.connection.driver_connection.info.backend_pid
        assert db.leases()[0].backend_pid == pid
    engine.dispose()
    assert db.fetch_val("SELECT 1") == 1


def test_a_creator_is_taken_instead(make_engine: Make, db: PooledDatabase) -> None:
    engine = make_engine(creator=lambda: pycopg.connect(db))
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        assert connection.scalar(sa.text("SHOW transaction_isolation")) == "serializable"
        assert db.stats["leased"] == 1


def test_isolation_lasts_for_the_connection_and_costs_no_round_trip(people: Any) -> None:
    with people.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        for _ in range(2):
            assert connection.scalar(sa.text("SHOW transaction_isolation")) == "repeatable read"
            assert connection.scalar(sa.text("SHOW transaction_read_only")) == "on"
            connection.commit()
        with pytest.raises(sa.exc.InternalError, match="read-only"):
            connection.execute(sa.insert(Person).values(name="x"))
    with people.connect() as connection:
        assert connection.scalar(sa.text("SHOW transaction_isolation")) == "read committed"
        assert connection.scalar(sa.text("SHOW transaction_read_only")) == "off"
    with people.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.insert(Person).values(name="kept"))
        assert connection.connection.driver_connection.info.transaction_status is TransactionStatus.IDLE
    with people.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(Person)) == 1


def test_the_orm_reads_and_writes(people: Any) -> None:
    with orm.Session(people) as session, session.begin():
        session.add_all([Person(name=f"n{i}", data={"i": [i, None]}) for i in range(50)])
    with orm.Session(people) as session:
        assert session.scalars(sa.select(Person.data).where(Person.name == "n7")).one() == {"i": [7, None]}
        session.add(Person(name="n7"))
        with pytest.raises(sa.exc.IntegrityError) as caught:
            session.commit()
        assert isinstance(caught.value.orig, pycopg.errors.UniqueViolation)
        session.rollback()
        with session.begin_nested():
            session.add(Person(name="inside"))
        session.rollback()
        assert session.scalar(sa.select(sa.func.count()).select_from(Person)) == 50
        streamed = session.execute(sa.select(Person.id).execution_options(yield_per=7)).scalars().all()
        assert len(streamed) == 50


def test_tables_are_reflected(people: Any) -> None:
    table = sa.Table("sa_people", sa.MetaData(), autoload_with=people)
    assert [column.name for column in table.columns] == ["id", "name", "data"]
    assert sa.inspect(people).get_unique_constraints("sa_people")[0]["column_names"] == ["name"]


def test_a_lost_connection_is_a_disconnect_and_the_next_one_works(people: Any) -> None:
    with people.connect() as connection:
        pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        with people.connect() as other:
            other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(sa.exc.OperationalError) as caught:
            connection.execute(sa.text("SELECT 1"))
        assert caught.value.connection_invalidated
        connection.rollback()
        assert connection.scalar(sa.text("SELECT 1")) == 1
    assert people.dialect.database.stats["leased"] == 0


def test_disposing_leaves_what_is_leased(make_engine: Make) -> None:
    engine = make_engine()
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        old = engine.dialect.database
        engine.dispose()
        assert connection.scalar(sa.text("SELECT 2")) == 2
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 3")) == 3
    assert engine.dialect.database is not old
    closed = engine.dialect.database
    engine.dispose()
    with pytest.raises(pycopg.PoolClosed):
        closed.execute("SELECT 1")


def test_threads_share_an_engine(people: Any) -> None:
    def add(number: int) -> None:
        for i in range(20):
            with orm.Session(people) as session, session.begin():
                session.add(Person(name=f"{number} {i}"))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with people.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(Person)) == 160


def test_json_and_networks_as_the_engine_wants_them(make_engine: Make) -> None:
    engine = make_engine(json_deserializer=lambda text: ("mine", text), native_inet_types=False)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT '[1]'::jsonb")) == ("mine", "[1]")
        assert connection.scalar(sa.text("SELECT inet '192.0.2.1'")) == "192.0.2.1"


def test_on_an_event_loop(people: Any, url: str) -> None:
    async def body(engine: AsyncEngine) -> None:
        async with AsyncSession(engine) as session, session.begin():
            session.add_all([Person(name=f"n{i}") for i in range(20)])
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="SERIALIZABLE")
            assert await connection.scalar(sa.text("SHOW transaction_isolation")) == "serializable"
            await connection.commit()
            rows = await connection.stream(sa.select(Person.name))
            assert len([row async for row in rows]) == 20
        async with engine.connect() as connection:
            assert await connection.scalar(sa.text("SHOW transaction_isolation")) == "read committed"

        async def one(i: int) -> Any:
            async with AsyncSession(engine) as session:
                return (await session.scalars(sa.select(Person).where(Person.name == f"n{i % 20}"))).one().name

        assert await asyncio.gather(*(one(i) for i in range(100))) == [f"n{i % 20}" for i in range(100)]
        database: Any = engine.dialect.database  # type: ignore[attr-defined]
        assert (database.stats["leased"], database.stats["pool_max"]) == (0, 3)

    on_loop(url, body, pool_size=3, max_overflow=0)


def test_a_task_that_is_cancelled_gives_its_connection_back(url: str) -> None:
    async def body(engine: AsyncEngine) -> None:
        async def wait_long() -> None:
            async with engine.connect() as connection:
                await connection.execute(sa.text("SELECT pg_sleep(30)"))

        async with engine.connect() as connection:
            database: Any = engine.dialect.database  # type: ignore[attr-defined]
        task = asyncio.create_task(wait_long())
        await eventually_async(lambda: any(lease.statement for lease in database.leases()))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with engine.connect() as connection:
            assert await connection.scalar(sa.text("SELECT 1")) == 1
        assert database.stats["leased"] == 0

    on_loop(url, body, pool_size=1, max_overflow=0, pool_timeout=10)


MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "1", None

def upgrade():
    op.create_table("sa_migrated", sa.Column("id", sa.Integer, primary_key=True))

def downgrade():
    op.drop_table("sa_migrated")
"""
ENVIRONMENT = """
from alembic import context
from sqlalchemy import create_engine

with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""


def test_alembic_migrates(url: str, make_engine: Make, tmp_path: pathlib.Path) -> None:
    pytest.importorskip("alembic")
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "1_first.py").write_text(MIGRATION)
    (tmp_path / "env.py").write_text(ENVIRONMENT)
    escaped = url.replace("%", "%%")
    (tmp_path / "alembic.ini").write_text(f"[alembic]\nscript_location = {tmp_path}\nsqlalchemy.url = {escaped}\n")
    inspect = sa.inspect(make_engine())
    for command, there in ((("upgrade", "head"), True), (("downgrade", "base"), False)):
        done = subprocess.run(
            [sys.executable, "-m", "alembic", "-c", str(tmp_path / "alembic.ini"), *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        inspect.clear_cache()
        assert inspect.has_table("sa_migrated") is there


def listed_failures() -> set[str]:
    rows = (SUITE / "failures.md").read_text().splitlines()
    return {found[1] for row in rows if (found := re.match(r"\| `(\w+::\w+)`", row))}


@pytest.mark.parametrize("driver", ["copg", "copg_async"])
def test_the_suite_of_sqlalchemy_passes_but_for_what_is_listed(server_url: str, driver: str, slow: bool) -> None:
    # The dialect is one; reflection, which is half of the suite, is the same on an event loop.
    chosen, fewest = ("", 1500) if slow or driver == "copg" else ("not Reflection and not QuotedName", 600)
    admin = PooledDatabase.from_url(server_url, min_size=0)
    name = f"sa_suite_{driver}"
    with admin.connection() as connection:
        connection.autocommit = True
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name}")
    there = pycopg.Config.from_url(server_url)
    there.database = name
    there.options.pop("dbname", None)
    with PooledDatabase(there, min_size=0) as fresh:
        for statement in ("SCHEMA test_schema", "SCHEMA test_schema_2", "EXTENSION hstore", "EXTENSION citext"):
            fresh.execute(f"CREATE {statement}")
    url = there.dsn.replace("postgresql://", f"postgresql+{driver}://", 1)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:logging", "-c", "setup.cfg"]
    done = subprocess.run(
        [*command, "--maxfail", "1000", "-k", chosen, "--dburi", url, "dialect_suite.py"],
        cwd=SUITE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    with admin.connection() as connection:
        connection.autocommit = True
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()
    failed = set(re.findall(r"^(?:FAILED|ERROR) dialect_suite\.py::(\w+?)_postgresql\+[^:]*(::\w+)", done.stdout, re.M))
    counts = re.search(r"(\d+) passed", done.stdout)
    assert counts is not None, done.stdout[-4000:] + done.stderr[-2000:]
    assert {"".join(names) for names in failed} <= listed_failures(), done.stdout[-8000:]
    assert int(counts[1]) > fewest, done.stdout[-2000:]
