"""Django on copg: leases and requests, transactions, values, cursors of the server, under ASGI and WSGI."""

from __future__ import annotations

import contextlib
import datetime
import functools
import gc
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

pytest.importorskip("django", reason="Django 5.2 needs Python 3.10")

from zoneinfo import ZoneInfo

from django.core import signals
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, OperationalError, ProgrammingError, connection, connections, transaction
from django.test import override_settings
from psycopg import IsolationLevel
from psycopg.types.range import Range

import pycopg
from conftest import eventually
from pycopg import PooledDatabase
from pycopg.django import database
from service import START_TIMEOUT_S, Service
from test_reference import ROOT, blocks

HERE = pathlib.Path(__file__).parents[1] / "django"
Make = Callable[..., Any]


@pytest.fixture(scope="module")
def website(server_url: str) -> Iterator[Any]:
    """The site as a module, in this process, with its table."""
    sys.path.insert(0, str(HERE))
    import website

    sys.path.remove(str(HERE))
    with contextlib.suppress(Exception):
        connection.cursor().execute("DROP TABLE website_people")
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS hstore")
        cursor.execute("CREATE EXTENSION IF NOT EXISTS citext")
    with connection.schema_editor() as editor:
        editor.create_model(website.Person)
    connection.close()
    yield website
    with connection.schema_editor() as editor:
        editor.delete_model(website.Person)
    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION hstore, citext")  # which other tests create
    connection.close()
    connection.close_pool()


@pytest.fixture
def people(website: Any) -> Iterator[Any]:
    """The manager of an empty table. Afterwards nothing is leased."""

    website.Person.objects.all().delete()
    connection.close()
    yield website.Person.objects
    connection.close()
    assert connection.pool.stats["leased"] == 0


@pytest.fixture
def make(website: Any) -> Iterator[Make]:
    """Makes a wrapper, as each thread of Django has one, with other settings than the site's."""

    from pycopg.django.base import DatabaseWrapper  # which wants settings

    made: list[Any] = []

    def make(pool: Any = None, **options: Any) -> Any:
        outer = options.pop("SETTINGS", {})
        kept = {name: it for name, it in connection.settings_dict["OPTIONS"].items() if name != "pool"}
        settings = {**connection.settings_dict, **outer, "OPTIONS": {**kept, **options}}
        if pool is not None:
            settings["OPTIONS"]["pool"] = pool
        made.append(DatabaseWrapper(settings, alias="made"))
        connections["made"] = made[-1]
        return made[-1]

    yield make
    for wrapper in made:
        wrapper.close()
    if made:
        made[0].close_pool()
        del connections["made"]


def value(wrapper: Any, sql: str, parameters: Any = None) -> Any:
    with wrapper.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]


# --- Leases


def test_a_lease_begins_with_the_first_statement_and_ends_with_the_request(people: Any) -> None:

    assert connection.pool.stats["leased"] == 0
    signals.request_started.send(sender=None)
    people.count()
    people.count()
    leases = connection.pool.leases()
    assert len(leases) == 1
    assert "test_django.py" in str(leases[0])  # the program's place, not Django's
    signals.request_finished.send(sender=None)
    assert connection.pool.stats["leased"] == 0


def test_nothing_of_a_session_is_left_for_the_next_lease(make: Make) -> None:
    wrapper = make({"max_size": 1}, SETTINGS={"TIME_ZONE": "Asia/Tokyo"}, assume_role="pg_read_all_data")
    pids = set()
    for _ in range(3):
        assert value(wrapper, "SHOW TimeZone") == "Asia/Tokyo"
        assert value(wrapper, "SELECT current_user") == "pg_read_all_data"
        assert value(wrapper, "SHOW work_mem") != "77MB"
        pids.add(value(wrapper, "SELECT pg_backend_pid()"))
        with wrapper.cursor() as cursor:
            cursor.execute("SET work_mem = '77MB'; SET TimeZone = 'Europe/Rome'; RESET ROLE")
        wrapper.close()
    assert len(pids) == 1


def test_a_pool_that_is_dry_says_who_has_its_connections(make: Make) -> None:

    first, second = (make({"max_size": 1, "timeout": 0.2, "name": "little"}) for _ in range(2))
    assert value(first, "SELECT 1") == 1
    with pytest.raises(OperationalError, match="'little'.*1/1 leased") as caught:
        second.cursor()
    assert isinstance(caught.value.__cause__, pycopg.PoolTimeout)
    first.close()
    assert value(second, "SELECT 2") == 2


def test_the_timeout_of_the_pool_is_not_that_of_a_statement(make: Make) -> None:

    assert value(make({"timeout": 0.2}), "SELECT 1 FROM pg_sleep(0.5)") == 1
    with pytest.raises(OperationalError) as caught:
        value(make({"call_timeout": 0.2}), "SELECT pg_sleep(30)")
    assert isinstance(caught.value.__cause__, pycopg.QueryTimeout)


def test_a_lost_connection_is_exchanged_outside_of_a_transaction(make: Make, db: PooledDatabase) -> None:

    wrapper = make()

    def lose() -> None:
        db.execute("SELECT pg_terminate_backend(%s, 5000)", [value(wrapper, "SELECT pg_backend_pid()")])
        with pytest.raises(OperationalError):
            value(wrapper, "SELECT 1")

    @transaction.atomic("made")
    def lose_inside() -> None:
        lose()
        value(wrapper, "SELECT 3")  # which must not run on another connection, outside of the transaction

    lose()
    assert value(wrapper, "SELECT 2") == 2
    with pytest.raises(OperationalError):
        lose_inside()
    assert value(wrapper, "SELECT 4") == 4


def test_a_thread_that_ends_without_closing_gives_its_lease_back(people: Any) -> None:

    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        thread = threading.Thread(target=people.count)
        thread.start()
        thread.join()
        gc.collect()
        eventually(lambda: connection.pool.stats["leased"] == 0)


def test_threads_share_the_pool(people: Any) -> None:

    def add(number: int) -> None:
        for i in range(10):
            with transaction.atomic():
                people.create(name=f"{number} {i}")
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(8)))
    assert people.count() == 80
    assert connection.pool.stats["pool_size"] <= 4


def test_the_pool_is_that_of_the_settings_of_the_moment(make: Make) -> None:
    wrapper = make({"max_size": 2})
    pool = wrapper.pool
    assert wrapper.pool is pool
    wrapper.settings_dict["OPTIONS"]["pool"]["max_size"] = 3  # in place, as tests do
    changed = wrapper.pool
    assert (changed is pool, changed.stats["pool_max"]) == (False, 3)
    wrapper.close_pool()
    with pytest.raises(pycopg.PoolClosed):
        changed.fetch_val("SELECT 1")
    assert wrapper.pool not in (pool, changed)


def test_an_entry_of_databases_says_what_the_configuration_says() -> None:
    config = pycopg.Config("db1,db2", 6432, "shop", "app", "secret", "require", {"application_name": "web"}, 500)
    entry = database(config, ATOMIC_REQUESTS=True, OPTIONS={"pool": {"max_size": 3}, "application_name": "jobs"})
    assert entry == {
        "ENGINE": "pycopg.django",
        "NAME": "shop",
        "USER": "app",
        "PASSWORD": "secret",
        "HOST": "db1,db2",
        "PORT": "6432",
        "ATOMIC_REQUESTS": True,
        "OPTIONS": {
            "application_name": "jobs",
            "sslmode": "require",
            "statement_timeout": "500",
            "pool": {"max_size": 3},
        },
    }


@pytest.mark.parametrize(
    ("settings", "options", "why"),
    [
        ({}, {"pool": {"kwargs": {}}}, "'kwargs'"),
        ({}, {"pool": 7}, "True or a dict"),
        ({"CONN_MAX_AGE": 60}, {}, "CONN_MAX_AGE at 0"),
        ({}, {"cursor_factory": object}, "cursors of its own"),
        ({}, {"isolation_level": -1}, "isolation level"),
    ],
)
def test_settings_that_can_not_work_are_refused(make: Make, settings: Any, options: Any, why: str) -> None:

    with pytest.raises(ImproperlyConfigured, match=why):
        make(SETTINGS=settings, **options).cursor()


# --- Transactions


def test_a_block_commits_or_rolls_back_and_what_waits_for_the_commit_is_told_then(people: Any) -> None:

    told: list[str] = []

    @transaction.atomic
    def add(*names: str) -> None:
        for name in names:
            transaction.on_commit(functools.partial(told.append, name))
            people.create(name=name)

    with transaction.atomic():
        add("kept")
        with pytest.raises(IntegrityError) as caught:
            add("of the savepoint", "kept")
        assert isinstance(caught.value.__cause__, pycopg.errors.UniqueViolation)
        assert told == []
    assert told == ["kept"]
    with pytest.raises(IntegrityError):
        add("dropped", "kept")
    assert told == ["kept"]
    assert [person.name for person in people.all()] == ["kept"]
    assert connection.connection.info.transaction_status is pycopg.TransactionStatus.IDLE


def test_the_isolation_of_the_settings_is_that_of_each_transaction(make: Make) -> None:

    wrapper = make(isolation_level=IsolationLevel.SERIALIZABLE)
    for _ in range(2):
        wrapper.set_autocommit(False)
        assert value(wrapper, "SHOW transaction_isolation") == "serializable"
        wrapper.rollback()
        wrapper.set_autocommit(True)
        assert value(wrapper, "SHOW transaction_isolation") == "read committed"


def test_a_transaction_costs_its_statements_and_the_commit(people: Any) -> None:

    people.count()  # leases
    before = connection.pool.metrics().operations.count
    with transaction.atomic():
        people.count()
        people.count()
    assert connection.pool.metrics().operations.count - before == 3


# --- Cursors of the server


@pytest.mark.parametrize("in_transaction", [False, True])
def test_an_iterator_that_is_left_early_leaves_nothing_behind(people: Any, in_transaction: bool) -> None:

    people.bulk_create(people.model(name=f"n{i}") for i in range(20))
    with transaction.atomic() if in_transaction else contextlib.nullcontext():
        rows = people.order_by("id").iterator(chunk_size=3)
        assert [next(rows).name for _ in range(4)] == ["n0", "n1", "n2", "n3"]
        assert people.filter(name="n7").exists()  # beside it
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM pg_cursors WHERE name LIKE '_django%'")
            assert len(cursor.fetchall()) == 1
        rows.close()
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM pg_cursors WHERE name LIKE '_django%'")
            assert cursor.fetchall() == []
    assert len(list(people.iterator(chunk_size=7))) == 20


# --- Values


@pytest.mark.parametrize("binds", [False, True])
def test_values_come_back_as_django_has_them(make: Make, binds: bool) -> None:

    wrapper = make(server_side_binding=binds)
    noon = datetime.datetime(2024, 5, 6, 12, tzinfo=datetime.timezone.utc)
    days = Range(datetime.date(2024, 1, 1), None)
    for kind, sent, expected in [
        ("int4", 2**31 - 1, 2**31 - 1),
        ("int8", -5, -5),
        ("float8", -1.5, -1.5),
        ("numeric", Decimal("1.50"), Decimal("1.50")),
        ("text", "a 'b' \\ % ü", "a 'b' \\ % ü"),
        ("bytea", b"\x00'", b"\x00'"),
        ("inet", "192.0.2.1", "192.0.2.1"),
        ("timestamptz", noon, noon),
        ("date[]", [noon.date(), None], [noon.date(), None]),
        ("int4range", Range(1, 5, "[]"), Range(1, 6)),
        ("int4range", Range(empty=True), Range(empty=True)),
        ("daterange", days, days),
        ("daterange[]", [days], [days]),
        ("tstzrange", Range(noon, noon, "[]"), Range(noon, noon, "[]")),
        ("numrange", Range(Decimal("1.5"), Decimal(2)), Range(Decimal("1.5"), Decimal(2))),
        ("hstore", {"a": 'q"\\', "b": None}, {"a": 'q"\\', "b": None}),
        ("hstore[]", [{"a": "1"}], [{"a": "1"}]),
        ("citext[]", ["A"], ["A"]),
        ("jsonb", pycopg.Jsonb({"a": ["'"]}), '{"a": ["\'"]}'),
        ("interval", datetime.timedelta(days=1, microseconds=5), datetime.timedelta(days=1, microseconds=5)),
    ]:
        found = value(wrapper, f"SELECT %s::{kind}", [sent])
        assert found == expected, kind
        assert type(found) is type(expected) or isinstance(found, dict), kind
    assert value(wrapper, "SELECT %(a)s || '%%' || %(a)s", {"a": "x"}) == "x%x"


def test_a_model_is_read_as_it_was_written(people: Any) -> None:

    at = datetime.datetime(2024, 5, 6, 12, 30, 15, 123456, tzinfo=datetime.timezone.utc)
    given = {
        "data": {"a": [1, None, "ü"]},
        "tags": ["x", 'q"'],
        "days": Range(datetime.date(2024, 1, 1), datetime.date(2024, 2, 1)),
        "at": at,
    }
    people.bulk_create([people.model(name="bulk", **given), people.model(name="other", **given)])
    read = people.get(name="bulk", data__a__0=1, tags__contains=["x"], days__contains=datetime.date(2024, 1, 5))
    assert {name: getattr(read, name) for name in given} == given
    assert read.at.tzinfo is datetime.timezone.utc


@pytest.mark.parametrize("binds", [False, True])
@pytest.mark.parametrize("parameters", [[1], [1, 2, 3], {"a": 1}])
def test_parameters_that_do_not_fit_are_a_programming_error(make: Make, binds: bool, parameters: Any) -> None:

    with pytest.raises(ProgrammingError):
        value(make(server_side_binding=binds), "SELECT %s, %s", parameters)


@pytest.fixture
def own_time_zone() -> Iterator[None]:
    """Django sets that of the process with its own, and would leave it so."""
    before = os.environ.get("TZ")
    yield
    os.environ.pop("TZ", None)
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("own_time_zone")
def test_timestamps_are_in_the_zone_of_the_settings(make: Make) -> None:

    sql = "SELECT timestamptz '2024-07-01 12:00+00'"
    tokyo = make(SETTINGS={"TIME_ZONE": "Asia/Tokyo"})
    assert value(tokyo, sql) == datetime.datetime(2024, 7, 1, 21, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert value(tokyo, sql).tzinfo == ZoneInfo("Asia/Tokyo")
    with override_settings(USE_TZ=False, TIME_ZONE="Asia/Tokyo"):
        assert value(make(), sql) == datetime.datetime(2024, 7, 1, 21)


def test_rows_are_copied(people: Any) -> None:

    with connection.cursor() as cursor:
        with cursor.copy("COPY website_people (name, tags) FROM STDIN") as copy:
            copy.write_row(["copied", "{}"])
        cursor.executemany("INSERT INTO website_people (name, tags) VALUES (%s, %s)", [("a", []), ("b", ["x"])])
        assert cursor.rowcount == 2
        with cursor.copy("COPY website_people (name) TO STDOUT") as copy:
            assert b"".join(copy) == b"copied\na\nb\n"


def test_columns_have_the_names_of_their_types(website: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1::int4 AS number, 'a=>1'::hstore AS pairs")
        assert [column.type_display for column in cursor.description] == ["integer", "hstore"]
        assert cursor.description[0][:2] == ("number", 23)
    connection.close()


# --- Services


SERVICES = {
    "uvicorn": (HERE, "uvicorn", "--port", "0", "--no-access-log", "website:asgi"),
    "gunicorn": (HERE, "gunicorn", "--bind", "127.0.0.1:0", "--threads", "4", "website:wsgi"),
    "gunicorn, preload": (HERE, "gunicorn", "--bind", "127.0.0.1:0", "--preload", "--workers", "2", "website:wsgi"),
}


@pytest.mark.parametrize("server", SERVICES)
def test_a_service_commits_rolls_back_and_keeps_no_lease(people: Any, server_url: str, server: str) -> None:
    settings = {"TOUCH_AT_START": "1"} if "preload" in server else {}
    with Service(SERVICES[server], server_url, settings) as service:
        base = service.wait_until_it_listens()
        with httpx.Client(base_url=base, trust_env=False, timeout=START_TIMEOUT_S) as client:

            def ask(path: str) -> Any:
                answer = client.get(path)
                assert answer.status_code == 200, f"{path}: {answer.text}\n{service.output}"
                return answer.json()

            assert ask("/add/kept")["committed_already"] == []
            assert client.get("/add/dropped?fail").status_code == 500
            assert client.get("/add/kept").status_code == 500  # it is there already
            for path in ("/count", "/count_async", "/count_on_loop"):
                assert ask(path) == {"people": 1}, path
            assert ask("/killed") == {"error": "OperationalError", "people": 1}
            assert client.get("/names").text == "kept\n"

            def get(path: str) -> int:
                return httpx.get(base + path, trust_env=False, timeout=START_TIMEOUT_S).status_code

            with ThreadPoolExecutor(16) as threads:
                paths = ["/count", "/count_async", "/names"] * 20
                assert set(threads.map(get, paths)) == {200}
            # The lease goes back when the response has ended, which a client may see before the service does.
            eventually(lambda: ask("/stats")["leased"] == 0)
            assert ask("/stats")["pool_size"] <= 4
    assert [person.name for person in people.all()] == ["kept"], json.dumps(service.lines)


# --- The page, and Django's own tests

START = """
import django
from django.conf import settings

settings.configure(DATABASES=DATABASES, SECRET_KEY="of a page", USE_TZ=True)
django.setup()
"""


def test_the_page_does_what_it_says(users: PooledDatabase) -> None:
    (_, settings), *others = blocks(ROOT / "docs" / "django.md")
    assert len(others) > 1
    code = "\n".join([settings, START, *(code for _, code in others)])
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_of_djangos_own_tests_those_fail_that_are_listed(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)
    import run_suite

    try:
        run_suite.fetched()
    except OSError as error:
        pytest.skip(str(error))
    outcome = run_suite.run("copg", run_suite.SHORT.split(), timeout_s=300)
    assert outcome.run > 500, outcome.output[-8000:]
    assert outcome.failed <= run_suite.listed(), outcome.output[-20000:]
