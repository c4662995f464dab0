"""What else types become: ranges, hstore, domains, citext, ltree, JSON, infinity, intervals, numpy; on both faces."""

from __future__ import annotations

import datetime
import json
import math
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from own_types import Face, Money, Mood, faces  # noqa: F401  (a fixture)
from pycopg import DataError, ProgrammingError
from pycopg.types import Hstore, Interval, Json, Jsonb, Multirange, Range

UTC = datetime.timezone.utc


@pytest.fixture
def face(make_face: Callable[..., Face]) -> Face:
    face = make_face()
    face.do("execute", "CREATE TYPE mood AS ENUM ('sad', 'ok')")
    return face


def both_ways(face: Face, type_name: str, *values: Any) -> None:
    """Each value, and a list of all, reaches a column of this type and comes back."""
    table = f"kept_{type_name}"
    face.do("execute", f"CREATE TABLE {table} (one {type_name}, more {type_name}[])")
    for value in values:
        face.do("execute", f"INSERT INTO {table} VALUES (%s, %s)", [value, [value, None]])
        face.write_rows(f"COPY {table} FROM STDIN", (value, [value, None]))
        assert face.do("execute", f"SELECT * FROM {table}", row=tuple) == [(value, [value, None])] * 2
        face.do("execute", f"DELETE FROM {table}")


def test_ranges_of_any_type(face: Face) -> None:
    face.do(
        "execute",
        "CREATE TYPE floats AS RANGE (subtype = float8); CREATE TYPE words AS RANGE (subtype = text);"
        "CREATE TYPE moods AS RANGE (subtype = mood)",
    )
    face.types.register("mood", Mood)
    for name in ("floats", "words", "moods"):
        face.types.register_range(name)
    both_ways(
        face, "floats", Range(1.5, 2.5), Range(None, 2.5, "(]"), Range(1.5, None, "()"), Range(), Range(1.5, 1.5, "[]"),
        Range(empty=True),
    )  # fmt: skip
    both_ways(face, "words", Range('a"b', "c,d"), Range("", "\\", "[]"), Range("(", "[", "()"), Range(None, "x y"))
    both_ways(face, "moods", Range(Mood.sad, Mood.ok, "[]"), Range(None, Mood.ok))


def test_multiranges_of_any_type(face: Face) -> None:
    face.do("execute", "CREATE TYPE words AS RANGE (subtype = text)")
    face.types.register_range("words")
    both_ways(
        face, "words_multirange", Multirange(), Multirange([Range("a", "b"), Range("c]", 'd"', "[]")]),
        Multirange([Range(None, "b")]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("int4", 1, 5),
        ("int8", 1, 5),
        ("num", Decimal("1.5"), Decimal(2)),
        ("date", datetime.date(2024, 1, 1), datetime.date(2024, 2, 1)),
        ("ts", datetime.datetime(2024, 1, 1, 1), datetime.datetime(2024, 1, 2)),
        ("tstz", datetime.datetime(2024, 1, 1, 1, tzinfo=UTC), datetime.datetime(2024, 1, 2, tzinfo=UTC)),
    ],
)
def test_multiranges_of_postgresql_need_no_registry(face: Face, name: str, low: Any, high: Any) -> None:
    both_ways(face, f"{name}multirange", Multirange([Range(low, high)]), Multirange(), Multirange([Range(low)]))
    assert face.do("fetch_val", f"SELECT {name}multirange({name}range(NULL, %s))", [low]) == Multirange(
        [Range(None, low)]
    )


def test_a_multirange_is_a_value() -> None:
    ranges = Multirange([Range(1, 3), Range(5, 8)])
    assert (len(ranges), ranges[0], ranges[1:], list(ranges)) == (2, Range(1, 3), Multirange([Range(5, 8)]), [*ranges])
    assert 2 in ranges
    assert 4 not in ranges
    assert Range(5, 8) in ranges
    assert ranges == Multirange([Range(1, 3), Range(5, 8)]) != Multirange()
    assert {ranges: 1}[pickle.loads(pickle.dumps(ranges))] == 1
    assert repr(Multirange([Range(1, 3)])) == "Multirange([Range(1, 3, '[)')])"
    with pytest.raises(TypeError, match="Range objects"):
        Multirange([1])  # type: ignore[list-item]


def test_hstore(face: Face) -> None:
    face.do("execute", "CREATE EXTENSION hstore")
    assert face.do("fetch_val", "SELECT 'a=>1'::hstore") == '"a"=>"1"'
    face.types.register_hstore()
    both_ways(
        face, "hstore", Hstore(), Hstore(a="1", b=None), Hstore({'k "q"': "v\\", "": "", "=>": ", NULL"}),
        Hstore({"NULL": "NULL", "é": "\n\t"}),
    )  # fmt: skip
    assert type(face.do("fetch_val", "SELECT 'a=>1'::hstore")) is Hstore
    assert face.do("fetch_val", "SELECT %s -> 'a'", [Hstore(a="x")]) == "x"
    with pytest.raises(DataError, match="parameter 1: .*its keys must be str"):
        face.do("execute", "SELECT %s", [Hstore({1: "a"})])  # type: ignore[dict-item]


def test_citext_and_ltree(face: Face) -> None:
    face.do("execute", "CREATE EXTENSION citext; CREATE EXTENSION ltree")
    assert face.do("fetch_val", "SELECT ARRAY['a']::citext[]") == "{a}"
    face.types.register("citext")
    face.types.register("ltree")
    both_ways(face, "citext", "A b", 'q"', "", "NULL")
    both_ways(face, "ltree", "a.b.c", "x")
    assert face.do("fetch_val", "SELECT 'Ab'::citext = %s", ["aB"]) is True


def test_domains_over_all_of_them(face: Face) -> None:
    face.do(
        "execute",
        "CREATE DOMAIN positive AS int CHECK (value > 0); CREATE DOMAIN feeling AS mood; "
        "CREATE DOMAIN feelings AS mood[];"
        "CREATE DOMAIN deep AS feeling; CREATE TYPE money_t AS (amount positive, currency deep)",
    )
    face.types.register("mood", Mood)
    face.types.register_composite("money_t", Money)
    assert face.do("fetch_val", "SELECT 'ok'::deep") is Mood.ok
    assert face.do("fetch_val", "SELECT ARRAY['ok', NULL]::deep[]") == [Mood.ok, None]
    assert face.do("fetch_val", "SELECT ARRAY['ok']::feelings") == [Mood.ok]
    assert face.do("fetch_val", "SELECT ARRAY[3]::positive[]") == [3]
    assert face.do("fetch_val", "SELECT ROW(3, 'sad')::money_t") == Money(3, Mood.sad)  # type: ignore[arg-type]
    both_ways(face, "deep", Mood.ok)
    face.types.register("positive", loads=str)
    assert face.do("fetch_val", "SELECT ARRAY[3]::positive[]") == ["3"]


def test_json_by_functions_of_the_programs_own(face: Face) -> None:
    def dumps(value: Any) -> bytes:
        return json.dumps(value, default=str).encode()

    def loads(text: str) -> Any:
        return json.loads(text, parse_float=Decimal)

    face.types.json(dumps=dumps, loads=loads)
    assert face.do("fetch_val", """SELECT '{"a": 1.10}'::json""") == {"a": Decimal("1.10")}
    assert face.do("fetch_val", """SELECT '[1.5]'::jsonb""") == [Decimal("1.5")]
    assert face.do("fetch_val", """SELECT ARRAY['[1.5]']::jsonb[]""") == [[Decimal("1.5")]]
    face.do("execute", "CREATE TABLE kept (j json, b jsonb)")
    value = {"when": datetime.date(2024, 1, 1)}
    read = {"when": "2024-01-01"}
    face.do("execute", "INSERT INTO kept VALUES (%s, %s)", [Json(value), Jsonb(value)])
    face.do("execute_many", "INSERT INTO kept VALUES (%s, %s)", [[value, value]])
    face.write_rows("COPY kept FROM STDIN", (value, Jsonb(value)))
    assert face.do("execute", "SELECT * FROM kept", row=tuple) == [(read, read)] * 3
    assert face.do("fetch_val", "SELECT %s", [Json({"x": 1}, dumps=lambda obj: '"own"')]) == "own"
    face.types.json()
    assert face.do("fetch_val", """SELECT '{"a": 1.10}'::json""") == {"a": 1.1}
    with pytest.raises(TypeError, match="not JSON serializable"):
        face.do("execute", "SELECT %s", [value])


def test_json_that_loads_refuses_names_its_place(face: Face) -> None:
    face.types.json(loads=lambda text: {}[text])
    with pytest.raises(DataError, match=r"row 0, column 'j' \(type 'jsonb'\)") as raised:
        face.do("execute", "SELECT '1'::jsonb AS j")
    assert isinstance(raised.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("type_name", "largest", "smallest"),
    [
        ("date", datetime.date.max, datetime.date.min),
        ("timestamp", datetime.datetime.max, datetime.datetime.min),
        ("timestamptz", datetime.datetime.max.replace(tzinfo=UTC), datetime.datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_infinity_is_a_choice(face: Face, type_name: str, largest: Any, smallest: Any) -> None:
    sql = f"SELECT 'infinity'::{type_name}"
    with pytest.raises(DataError, match="too large"):
        face.do("fetch_val", sql)
    face.types.infinity("text")
    assert face.do("fetch_val", sql) == "infinity"
    face.types.infinity("max")
    assert face.do("fetch_val", sql) == largest
    assert face.do("fetch_val", f"SELECT '-infinity'::{type_name}") == smallest
    assert face.do("fetch_val", f"SELECT %s = '-infinity'::{type_name}", [smallest]) is True
    both_ways(face, type_name, largest, smallest, largest - datetime.timedelta(days=1))
    assert face.do("fetch_val", "SELECT isfinite(%s)", [largest]) is False
    face.do("execute", f"CREATE TABLE kept (one {type_name})")
    face.do("copy_in", "kept", [(largest,), (smallest,)] * 600)
    assert face.do("fetch_val", "SELECT count(*) FROM kept WHERE isfinite(one)") == 0
    face.types.infinity("error")
    with pytest.raises(DataError, match="too large"):
        face.do("fetch_val", sql)
    with pytest.raises(ValueError, match="it must be"):
        face.types.infinity("never")


def test_infinity_as_a_bound_of_a_range(face: Face) -> None:
    face.types.infinity("max")
    value = face.do("fetch_val", "SELECT daterange('2024-01-01', 'infinity')")
    assert value == Range(datetime.date(2024, 1, 1), datetime.date.max)
    assert face.do("fetch_val", "SELECT %s", [value]) == value


def test_intervals_are_a_choice(face: Face) -> None:
    sql = "SELECT '1 year 2 mons -3 days -04:05:06.789'::interval"
    assert face.do("fetch_val", sql) == datetime.timedelta(365 + 60 - 3, -(4 * 3600 + 5 * 60 + 6), -789000)
    face.types.interval(Interval)
    micros = -(4 * 3600 + 5 * 60 + 6) * 1_000_000 - 789_000
    assert face.do("fetch_val", sql) == Interval(14, -3, micros)
    both_ways(face, "interval", Interval(14, -3, micros), Interval(), Interval(-1, 40, 90_000_000_000))
    assert face.do("fetch_val", "SELECT '2024-01-31'::date + %s", [Interval(1)]) == datetime.datetime(2024, 2, 29)
    face.types.interval(datetime.timedelta)
    assert face.do("fetch_val", "SELECT '1 mon'::interval") == datetime.timedelta(30)
    with pytest.raises(ValueError, match="it must be"):
        face.types.interval(int)


def test_special_numbers(face: Face) -> None:
    both_ways(face, "float8", math.inf, -math.inf, 1.5, -0.0)
    both_ways(face, "numeric", Decimal("Infinity"), Decimal("-Infinity"), Decimal("1e-30"))
    assert math.isnan(face.do("fetch_val", "SELECT %s", [math.nan]))
    assert face.do("fetch_val", "SELECT %s", [Decimal("NaN")]).is_nan()


def test_scalars_and_arrays_of_numpy(face: Face) -> None:
    numpy = pytest.importorskip("numpy")
    for value, sent in (
        (numpy.int64(-5), -5), (numpy.uint64(2**64 - 1), Decimal(2**64 - 1)), (numpy.int8(1), 1),
        (numpy.bool_(True), True),
        (numpy.float64(1.5), 1.5), (numpy.float32(0.1), pytest.approx(0.1)), (numpy.float16(0.5), 0.5),
        (numpy.str_("x"), "x"), (numpy.bytes_(b"x"), b"x"),
        (numpy.datetime64("2024-01-02T03:04:05.123456789"), datetime.datetime(2024, 1, 2, 3, 4, 5, 123456)),
        (numpy.datetime64("2024-01-02"), datetime.datetime(2024, 1, 2)),
        (numpy.timedelta64(90, "s"), datetime.timedelta(seconds=90)),
        (numpy.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]), (numpy.array([0.5]), [0.5]),
        ([numpy.int64(1), numpy.int64(2**40)], [1, 2**40]),
    ):  # fmt: skip
        assert face.do("fetch_val", "SELECT %s", [value]) == sent, value
    face.do("execute", "CREATE TABLE kept (n int8, f float8)")
    rows = [(numpy.int64(n), numpy.float64(n)) for n in range(1200)]
    assert face.do("copy_in", "kept", rows) == 1200
    assert face.do("execute_many", "INSERT INTO kept VALUES (%s, %s)", rows[:3]) == 3
    assert face.do("fetch_val", "SELECT sum(n)::int8 + sum(f)::int8 FROM kept") == 2 * (1199 * 600 + 3)
    with pytest.raises(DataError, match="NaT"):
        face.do("execute", "SELECT %s", [numpy.datetime64("NaT")])
    with pytest.raises(ProgrammingError, match="can't be sent"):
        face.do("execute", "SELECT %s", [numpy.complex128(1j)])
