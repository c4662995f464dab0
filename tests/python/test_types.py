"""Every type in both directions, against what psycopg makes of the same statement."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import json
import math
import os
import struct
import sys
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import psycopg.types.json
import psycopg.types.range
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pycopg
from pycopg import Json, Jsonb, PooledDatabase, Range

MakePool = Callable[..., PooledDatabase]
UTC = dt.timezone.utc
HALF_A_SECOND = dt.timezone(dt.timedelta(seconds=0.5))

# The same examples each time where a find must not depend on luck; new ones on each run elsewhere.
ordinary = settings(
    max_examples=60,
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def ours(server_url: str) -> Iterator[PooledDatabase]:
    with PooledDatabase.from_url(server_url, 1, 2, row_factory=tuple) as db:
        yield db


@pytest.fixture(scope="module")
def theirs(server_url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(server_url, autocommit=True) as conn:
        yield conn


def same(a: object, b: object) -> bool:
    """Equal, and of equal types; NaN is itself, -0.0 is not 0.0, and a range is its parts."""
    if isinstance(a, Range) and isinstance(b, psycopg.types.range.Range):
        return (a.lower, a.upper, a.bounds) == (b.lower, b.upper, b._bounds)
    if type(a) is not type(b):
        return False
    if isinstance(a, float) and isinstance(b, float):
        return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, Decimal) and isinstance(b, Decimal):
        return str(a) == str(b)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def both(ours: PooledDatabase, theirs: psycopg.Connection[Any], sql: str, value: object) -> Any:
    """Sends and receives with both, demands the same, and gives it."""
    mine = ours.fetch_one(sql, [value])
    other = theirs.execute(sql, [value]).fetchone()
    assert same(mine, other), (sql, value, mine, other)
    return mine[0]


text = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))
finite_decimals = st.decimals(allow_nan=False, allow_infinity=False, places=6) | st.decimals(allow_infinity=False).map(
    lambda d: Decimal("NaN") if d.is_nan() else d
)
days = st.dates()
naive = st.datetimes()
aware = st.datetimes(min_value=dt.datetime(1, 1, 3), max_value=dt.datetime(9999, 12, 29), timezones=st.timezones())
spans = st.timedeltas(min_value=dt.timedelta(days=-90_000_000), max_value=dt.timedelta(days=90_000_000))
jsons = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)

SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "int2": st.integers(-(2**15), 2**15 - 1),
    "int4": st.integers(-(2**31), 2**31 - 1),
    "int8": st.integers(-(2**63), 2**63 - 1),
    "numeric": st.integers() | finite_decimals,
    "float8": st.floats(),
    "float4": st.floats(width=32),
    "bool": st.booleans(),
    "text": text,
    "varchar": text,
    "bytea": st.binary(),
    "date": days,
    "time": st.times(),
    "timestamp": naive,
    "interval": spans,
    "uuid": st.uuids(),
    "inet": st.ip_addresses() | st.ip_addresses().map(lambda a: ipaddress.ip_interface(f"{a}/17")),
    "cidr": st.ip_addresses(v=4).map(lambda a: ipaddress.ip_network(f"{a}/20", strict=False)),
}


@pytest.mark.parametrize("name", SCALARS)
def test_scalars(name: str, ours: PooledDatabase, theirs: psycopg.Connection[Any]) -> None:
    @ordinary
    @given(SCALARS[name])
    def check(value: Any) -> None:
        received = both(ours, theirs, f"SELECT %s::{name}", value)
        if name not in ("float4", "numeric", "float8"):
            assert received == value

    check()


@pytest.mark.parametrize("name", [name for name in SCALARS if name not in ("varchar", "float4")])
def test_arrays(name: str, ours: PooledDatabase, theirs: psycopg.Connection[Any]) -> None:
    element = SCALARS[name] | st.none()
    # PostgreSQL's arrays have as many elements in each row. psycopg takes ints beside Decimals for mixed types.
    if name == "numeric":
        element = finite_decimals | st.none()

    @ordinary
    @given(st.lists(element, max_size=6), st.integers(1, 3))
    def check(row: list[Any], rows: int) -> None:
        both(ours, theirs, f"SELECT %s::{name}[]", row)
        if row:
            both(ours, theirs, f"SELECT %s::{name}[]", [list(row) for _ in range(rows)])

    check()


def test_points_in_time(ours: PooledDatabase, theirs: psycopg.Connection[Any]) -> None:
    @ordinary
    @given(aware)
    def check(value: dt.datetime) -> None:
        received = both(ours, theirs, "SELECT %s::timestamptz", value)
        instant = value.astimezone(UTC)  # a time in a gap of its zone equals none of another (PEP 495)
        assert received == instant
        assert received.tzinfo is not None
        assert ours.fetch_val("SELECT %s", [value]) == instant

    check()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns", "Africa/Monrovia"])
def test_points_in_time_have_the_offset_of_the_session(server_url: str, zone: str) -> None:
    config = pycopg.Config.from_url(server_url)
    config.options["TimeZone".lower()] = zone
    with PooledDatabase(config, 1, 1) as db:
        for value in (dt.datetime(2024, 7, 1, 12, tzinfo=UTC), dt.datetime(1900, 1, 1, tzinfo=UTC)):
            received = db.fetch_val("SELECT %s", [value])
            assert received == value
            assert received.utcoffset() == value.astimezone(ZoneInfo(zone)).utcoffset()


def test_times_with_an_offset(ours: PooledDatabase, theirs: psycopg.Connection[Any]) -> None:
    for hours in (-12, -3.5, 0, 5.75, 14):
        value = dt.time(1, 2, 3, 4, tzinfo=dt.timezone(dt.timedelta(hours=hours)))
        assert both(ours, theirs, "SELECT %s", value) == value
    with pytest.raises(pycopg.DataError, match="no offset without a date"):
        ours.execute("SELECT %s", [dt.time(1, tzinfo=ZoneInfo("Europe/Rome"))])


def test_intervals_with_months_and_years(ours: PooledDatabase, theirs: psycopg.Connection[Any]) -> None:
    for value in ("1 year 2 mons -3 days 04:05:06.7", "-1 mons +1 day -00:00:00.000001", "0", "10 years", "-25:00:00"):
        both(ours, theirs, "SELECT %s::interval", value)
    with pytest.raises(pycopg.DataError, match="too large"):
        ours.execute("SELECT '5000000 years'::interval")
    with pytest.raises(pycopg.DataError, match="IntervalStyle"), ours.connection() as conn:  # noqa: PT012
        conn.execute("SET LOCAL intervalstyle = 'sql_standard'")
        both_signs = dt.timedelta(days=-1, seconds=5)
        assert conn.execute("SELECT extract(epoch FROM %s)", [both_signs]).fetchone() == (Decimal("-86395.000000"),)
        conn.execute("SELECT interval '1 day 2 hours'").fetchone()


@pytest.mark.parametrize("wrapper", [Json, Jsonb])
def test_json(wrapper: Any, ours: PooledDatabase, theirs: psycopg.Connection[Any]) -> None:
    name = wrapper.__name__.lower()
    their_wrapper = getattr(psycopg.types.json, wrapper.__name__)

    @ordinary
    @given(jsons)
    def check(value: Any) -> None:
        if "\\u0000" in json.dumps(value):
            return
        mine = ours.fetch_one("SELECT %s, pg_typeof(%s)::text", [wrapper(value), wrapper(value)])
        other = theirs.execute("SELECT %s, pg_typeof(%s)::text", [their_wrapper(value)] * 2).fetchone()
        assert mine == other
        assert mine[1] == name

    check()
    assert ours.fetch_val("SELECT %s", [wrapper({"a": 1}, dumps=lambda _: "[2]")]) == [2]
    assert ours.fetch_val("SELECT %s", [wrapper(1, dumps=lambda _: b"[3]")]) == [3]
    with pytest.raises(TypeError, match="not JSON serializable"):
        ours.execute("SELECT %s", [wrapper(object())])
    with pytest.raises(pycopg.ProgrammingError, match="must return a str or bytes"):
        ours.execute("SELECT %s", [wrapper(1, dumps=lambda _: 1)])
    assert ours.fetch_val("SELECT array['1'::json, NULL, '\"a\"']") == [1, None, "a"]


def test_a_dict_fits_a_column_of_json_and_one_of_jsonb(ours: PooledDatabase) -> None:
    with ours.connection() as conn:
        conn.execute("CREATE TEMP TABLE j (a json, b jsonb)")
        conn.execute("INSERT INTO j VALUES (%s, %s)", [{"x": [1]}, {"y": None}])
        assert conn.execute("SELECT * FROM j").fetchone() == ({"x": [1]}, {"y": None})


RANGES: dict[str, st.SearchStrategy[Any]] = {
    "int4range": st.integers(-(2**31), 2**31 - 2),
    "int8range": st.integers(-(2**63), 2**63 - 2),
    "numrange": st.decimals(allow_nan=False, allow_infinity=False, places=3),
    "daterange": st.dates(max_value=dt.date(9999, 12, 30)),
    "tsrange": naive,
    "tstzrange": aware,
}


@pytest.mark.parametrize("name", RANGES)
def test_ranges(name: str, ours: PooledDatabase, theirs: psycopg.Connection[Any]) -> None:
    bound = RANGES[name] | st.none()

    @ordinary
    @given(bound, bound, st.sampled_from(["[)", "(]", "()", "[]"]))
    def check(lower: Any, upper: Any, bounds: str) -> None:
        if lower is not None and upper is not None and lower > upper:
            lower, upper = upper, lower
        sql = f"SELECT %s::{name}"
        mine = ours.fetch_one(sql, [Range(lower, upper, bounds)])
        other = theirs.execute(sql.replace("%s", "%s::text"), [range_text(lower, upper, bounds)]).fetchone()
        assert same(mine, other), (mine, other)
        again = ours.fetch_one(f"SELECT %s::{name}, ARRAY[%s]::{name}[]", [mine[0], mine[0]])
        assert again == (mine[0], [mine[0]])

    check()
    assert ours.fetch_val(f"SELECT %s::{name}", [Range(empty=True)]) == Range(empty=True)


def range_text(lower: Any, upper: Any, bounds: str) -> str:
    quoted = ["" if bound is None else f'"{bound}"' for bound in (lower, upper)]
    return f"{bounds[0]}{','.join(quoted)}{bounds[1]}"


def test_a_range_is_a_value() -> None:
    a = Range(1, 5)
    assert a == Range(1, 5, "[)")
    assert hash(a) == hash(Range(1, 5))
    assert a != Range(1, 5, "[]")
    assert a != 1
    assert [n in a for n in (0, 1, 4, 5)] == [False, True, True, False]
    assert (5 in Range(1, 5, "(]"), 1 in Range(1, 5, "(]")) == (True, False)
    assert 10**9 in Range(None, None)
    assert 1 not in Range(empty=True)
    assert not Range(empty=True)
    assert (a.lower_inc, a.upper_inc, a.lower_inf, a.upper_inf) == (True, False, False, False)
    assert Range(None, 5).lower_inf
    assert repr(a) == "Range(1, 5, '[)')"
    assert repr(Range(empty=True)) == "Range(empty=True)"
    with pytest.raises(ValueError, match="bounds"):
        Range(1, 2, "][")


def test_memoryviews_with_gaps(ours: PooledDatabase) -> None:
    views = [memoryview(b"abcdef")[::2], memoryview(b"abc")[::-1], memoryview(bytes(range(8))).cast("I")]
    assert ours.fetch_one("SELECT %s, %s, %s", views) == tuple(bytes(view) for view in views)
    assert ours.fetch_val("SELECT %s", [views[:2]]) == [b"ace", b"cba"]


class Colour(enum.Enum):
    red = 1
    blue = "b"


class Access(enum.Flag):
    read = 1


class Size(enum.IntEnum):
    large = 70_000


class Name(str, enum.Enum):
    ada = "Ada"


def test_enumerations(ours: PooledDatabase) -> None:
    with ours.connection() as conn:
        conn.execute("CREATE TYPE pg_temp.colour AS ENUM ('red', 'blue')")
        assert conn.execute("SELECT %s::pg_temp.colour", [Colour.blue]).fetchone() == ("blue",)
        rows = conn.execute("SELECT ARRAY[%s, NULL]::pg_temp.colour[]", [Colour.red]).fetchone()
        assert rows == ("{red,NULL}",), "what nobody knows stays text"
    assert ours.fetch_one("SELECT %s, %s::text", [Size.large, Name.ada]) == (70_000, "Ada")


def test_what_nobody_knows_is_text(ours: PooledDatabase, theirs: psycopg.Connection[Any]) -> None:
    for sql in ("point '(1,2)'", "money '1.5'", "'pg_class'::regclass", "'a'::\"char\"", "'n'::name"):
        mine, other = ours.fetch_one(f"SELECT {sql}"), theirs.execute(f"SELECT {sql}").fetchone()
        assert mine == other
        assert type(mine[0]) is str
    assert ours.fetch_val("SELECT 4294967295::oid") == 4294967295


def test_xml_is_text(ours: PooledDatabase) -> None:
    try:
        assert ours.fetch_val("SELECT xml '<a/>'") == "<a/>"
    except pycopg.errors.FeatureNotSupported:
        pytest.skip("this PostgreSQL was built without XML")


def test_types_of_parameters_are_psycopgs(ours: PooledDatabase, theirs: psycopg.Connection[Any]) -> None:
    now = dt.datetime(2024, 2, 29, 1, 2, 3)
    values = [
        0, -(2**15), 2**15, -(2**31), 2**31, -(2**63), 2**63, True, 1.5, Decimal("1.5"), b"x", bytearray(b"x"),
        memoryview(b"x"), now, now.replace(tzinfo=UTC), now.date(), now.time(), dt.timedelta(1), uuid.UUID(int=1),
        ipaddress.ip_address("::1"), ipaddress.ip_network("10.0.0.0/8"), [1], [2**40, 1], [[1.5]], [True, None],
        [Decimal(1)], [now], [uuid.UUID(int=1)], [b"x"],
    ]  # fmt: skip
    for value in values:
        both(ours, theirs, "SELECT pg_typeof(%s)::text", value)


def test_edges(ours: PooledDatabase, theirs: psycopg.Connection[Any]) -> None:
    for sql in (
        "'NaN'::float8", "'-0'::float8", "'Infinity'::float8", "'-Infinity'::float4", "'NaN'::numeric",
        "'Infinity'::numeric", "'0001-01-01'::date", "'9999-12-31 23:59:59.999999'::timestamp", "''::text", "''::bytea",
        "NULL", "'{}'::int[]", "'[0:1]={1,2}'::int[]", "'{{1,2},{3,NULL}}'::int[]",
        """'{"a,b","c\\"d",NULL,"NULL"}'::text[]""",
        "'{\"\"}'::text[]", "9223372036854775807", "-9223372036854775808", "1e-20::numeric", "12345678901234567890.5",
        "'00:00:00.000001'::time", "'{\"(1,2]\",empty}'::int4range[]", "'{(3,4),(1,2);NULL}'::box[]",
    ):  # fmt: skip
        mine, other = ours.fetch_one(f"SELECT {sql}"), theirs.execute(f"SELECT {sql}").fetchone()
        assert same(mine, other), (sql, mine, other)


@pytest.mark.parametrize(
    "sql",
    [
        "'infinity'::date", "'-infinity'::date", "'infinity'::timestamp", "'-infinity'::timestamptz",
        "'0044-03-15 BC'::date", "'10000-01-01'::date", "'294276-12-31'::timestamp", "'4713-01-01 BC'::timestamptz",
        "'24:00:00'::time", "'24:00:00+01'::timetz", "'{infinity}'::date[]", "'[infinity,]'::tsrange",
    ],
)  # fmt: skip
def test_what_python_has_no_value_for_is_a_data_error(sql: str, ours: PooledDatabase) -> None:
    with pytest.raises(pycopg.DataError, match="column 'the_column'") as raised:
        ours.execute(f"SELECT 1, {sql} AS the_column")
    assert isinstance(raised.value.__cause__, pycopg.DataError)
    with pytest.raises(pycopg.DataError), ours.connection() as conn:
        conn.execute(f"SELECT {sql}").fetchone()
    assert ours.fetch_val("SELECT 1") == 1


def test_a_foreign_date_style_is_a_data_error(ours: PooledDatabase) -> None:
    with pytest.raises(pycopg.DataError, match="DateStyle"), ours.connection() as conn:  # noqa: PT012
        conn.execute("SET LOCAL datestyle = 'German'")
        conn.execute("SELECT '2024-02-29'::date").fetchone()


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("a\0b", pycopg.DataError, "NUL"),
        ("\ud800", pycopg.DataError, "UTF-8"),
        (["a\0b"], pycopg.DataError, "NUL"),
        (["\ud800"], pycopg.DataError, "UTF-8"),
        ([1, "a"], pycopg.DataError, "mixed types"),
        ([1, 1.5], pycopg.DataError, "mixed types"),
        ([1, Decimal(1)], pycopg.DataError, "mixed types"),
        (object(), pycopg.ProgrammingError, "type object can't be sent"),
        ({1, 2}, pycopg.ProgrammingError, "type set can't be sent"),
        (1j, pycopg.ProgrammingError, "type complex can't be sent"),
        ((1, 2), pycopg.ProgrammingError, "type tuple can't be sent"),
        (Access(0), pycopg.DataError, "an Access without a name can't be sent"),
        (dt.datetime(2024, 1, 1, tzinfo=HALF_A_SECOND), pycopg.DataError, "fractions of a second"),
        (dt.time(1, tzinfo=HALF_A_SECOND), pycopg.DataError, "fractions of a second"),
        ([(1, 2)], pycopg.ProgrammingError, "type tuple can't be sent"),
        ({"a": object()}, TypeError, "not JSON serializable"),
    ],
)
def test_what_cannot_be_sent_is_refused(
    value: object, error: type[Exception], message: str, ours: PooledDatabase
) -> None:
    with pytest.raises(error, match=message):
        ours.execute("SELECT %s", [value])
    with pytest.raises(error, match=message):
        ours.execute_many("SELECT %s", [[value]])
    assert ours.fetch_val("SELECT 1") == 1


def test_a_list_inside_itself_is_refused(ours: PooledDatabase) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        ours.execute("SELECT %s", [endless])


def test_objects_whose_methods_raise_or_change_things(ours: PooledDatabase) -> None:
    class BadZone(dt.tzinfo):
        def utcoffset(self, when: dt.datetime | None) -> dt.timedelta:
            raise LookupError("nobody knows")

        def tzname(self, when: dt.datetime | None) -> str:
            return "bad"

        def dst(self, when: dt.datetime | None) -> None:
            return None

    with pytest.raises(LookupError, match="nobody knows"):
        ours.execute("SELECT %s", [dt.datetime(2024, 1, 1, tzinfo=BadZone())])

    class BadOffset(dt.datetime):
        def utcoffset(self) -> Any:
            return 5

    with pytest.raises(pycopg.DataError, match="must be a timedelta, not int"):
        ours.execute("SELECT %s", [BadOffset(2024, 1, 1)])

    params: list[Any] = []

    class Shrinking(Json):
        @property
        def obj(self) -> Any:
            params.clear()
            return 1

        @obj.setter
        def obj(self, value: Any) -> None: ...

    params += [Shrinking(0), "x", "y"]
    with pytest.raises(pycopg.Error):
        ours.execute("SELECT %s, %s, %s", params)
    assert ours.fetch_val("SELECT 1") == 1


def test_a_large_value_goes_there_and_back(ours: PooledDatabase) -> None:
    size = 20_000_000
    assert ours.fetch_one("SELECT %s, %s::text", [b"\xff" * size, "ä" * size]) == (b"\xff" * size, "ä" * size)


def test_huge_numbers(ours: PooledDatabase) -> None:
    assert ours.fetch_val("SELECT %s", [10**4000]) == Decimal(10**4000)
    if hasattr(sys, "get_int_max_str_digits"):  # else Python has no limit, and PostgreSQL takes the number
        with pytest.raises(pycopg.DataError, match="an int can't be sent"):
            ours.execute("SELECT %s", [10**5000])
