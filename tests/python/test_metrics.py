"""What a pool measures, on both faces of Python; and that Prometheus can read it."""

from __future__ import annotations

import dataclasses
import math
import pathlib
import re
import threading

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

import pycopg
from conftest import Run, eventually

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def measured(server_url: str) -> pycopg.PooledDatabase:
    return pycopg.PooledDatabase.from_url(server_url, 1, 1, name="measured")


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_stats_have_every_field_of_cpp(measured: pycopg.PooledDatabase) -> None:
    header = (ROOT / "include" / "copg" / "pool_stats.hpp").read_text()
    fields = set(re.findall(r"(?:uint\d+_t|nanoseconds) (\w+)\s*(?:=|\{\})", header))
    assert len(fields) > 30
    in_python = {"requests_wait": "requests_wait_ms", "usage": "usage_ms", "connections_time": "connections_ms"}
    with measured as db:
        assert {in_python.get(name, name) for name in fields} == set(db.stats)


def test_a_snapshot_says_how_long_statements_and_leases_took(measured: pycopg.PooledDatabase) -> None:
    with measured as db:
        db.execute("SELECT pg_sleep(0.05)")
        with db.connection() as connection:
            for _ in range(20):
                connection.execute("SELECT 1")
        metrics = db.metrics()
    assert metrics.name == "measured"
    assert metrics.operations.count == 22  # and the COMMIT
    assert 0.05 <= metrics.operations.longest * 1.032 < 10
    assert metrics.operations.shorter_than(0.05) == 21
    assert metrics.uses.count == 2
    assert metrics.waits.count == 2
    assert metrics.connects.count == 1
    assert 0 < metrics.connects.mean == metrics.connects.sum
    assert set(metrics.phases) == {"credentials", "resolve", "connect", "encrypt", "authenticate", "configure"}
    assert metrics.phases["authenticate"].count == 1
    assert metrics.phases["configure"].count == 0
    assert metrics.stats["requests_num"] == 2
    assert metrics.period > 0.05


def test_asyncio_measures_the_same(run: Run) -> None:
    async def body(adb: pycopg.AsyncPooledDatabase) -> None:
        before = adb.metrics()
        await adb.execute("SELECT pg_sleep(0.05)")
        async with adb.connection() as connection:
            for _ in range(20):
                await connection.execute("SELECT 1")
        between = adb.metrics().since(before)
        assert between.operations.count == 22
        assert between.operations.shorter_than(0.05) == 21
        assert between.uses.count == 2

    run(body)


def test_buckets_add_up(measured: pycopg.PooledDatabase) -> None:
    with measured as db:
        for _ in range(50):
            db.execute("SELECT 1")
        operations = db.metrics().operations
    ends = [end for end, _ in operations.buckets()]
    assert ends == sorted(ends)
    assert sum(count for _, count in operations.buckets()) == operations.count == 50
    assert operations.shorter_than(math.inf) == 50
    assert operations.quantile(0) <= operations.quantile(0.5) <= operations.quantile(1) == operations.longest
    assert "count=50" in repr(operations)


def test_reasons_have_counters(measured: pycopg.PooledDatabase) -> None:
    with measured as db:
        with db.connection() as held:
            held.execute("SELECT 1")
            late: list[str] = []

            def wait() -> None:
                try:
                    db.execute("SELECT 1", timeout=0.01)
                except pycopg.PoolTimeout as error:
                    late.append(str(error))

            waiter = threading.Thread(target=wait)
            waiter.start()
            waiter.join()
        assert len(late) == 1
        with pytest.raises(pycopg.QueryTimeout):
            db.execute("SELECT pg_sleep(20)", timeout=0.05)
        eventually(lambda: db.stats["resets_num"] == 1)
        db.drain()
        eventually(lambda: db.metrics().closes["drained"] == 1)
        metrics = db.metrics()
    assert metrics.failures == {
        "pool_timeout": 1,
        "pool_deadlock": 0,
        "pool_closed": 0,
        "too_many_requests": 0,
        "connection_failed": 0,
    }
    assert metrics.resets_by["unfinished"] == 1
    assert metrics.cancels_num >= 1
    assert sum(metrics.closes.values()) == 1


def test_the_difference_to_an_earlier_snapshot_is_of_the_time_between(measured: pycopg.PooledDatabase) -> None:
    with measured as db:
        db.execute("SELECT pg_sleep(0.05)")
        before = db.metrics()
        db.execute("SELECT 1")
        between = db.metrics().since(before)
        assert between.operations.count == 1
        assert between.operations.longest < before.operations.longest
        assert between.stats["requests_num"] == 1
        assert between.stats["pool_max"] == 1
        assert 0 < between.period < db.metrics().period


def test_a_pool_that_is_not_open_has_measured_nothing(server_url: str) -> None:
    db = pycopg.PooledDatabase.from_url(server_url, 1, 3, open=False, name="still closed")
    metrics = db.metrics()
    assert metrics.name == "still closed"
    assert metrics.stats["pool_max"] == 3
    assert metrics.operations.count == 0
    assert 'copg_connections_max{pool="still closed"} 3' in pycopg.prometheus(db)


def test_a_snapshot_outlives_its_pool_and_does_not_change(measured: pycopg.PooledDatabase) -> None:
    with measured as db:
        db.execute("SELECT 1")
        metrics = db.metrics()
        histogram = metrics.operations
        db.execute("SELECT 1")
    del db, measured, metrics
    assert histogram.count == 1
    with pytest.raises(AttributeError):
        histogram.count = 2  # type: ignore[misc]


def test_metrics_are_frozen(measured: pycopg.PooledDatabase) -> None:
    with measured as db:
        metrics = db.metrics()
    with pytest.raises(dataclasses.FrozenInstanceError):
        metrics.cancels_num = 7  # type: ignore[misc]


def test_prometheus_can_read_it(measured: pycopg.PooledDatabase) -> None:
    with measured as db:
        db.execute("SELECT pg_sleep(0.03)")
        text = pycopg.prometheus(db)
        stats = db.stats
    read = families(text)
    assert all(family.documentation and family.type in ("gauge", "counter", "histogram") for family in read.values())
    connections = {sample.labels["state"]: sample.value for sample in read["copg_connections"].samples}
    assert connections["idle"] == stats["pool_available"] == 1
    assert set(connections) == {"idle", "leased", "connecting", "resetting", "checking", "closing"}
    assert read["copg_requests"].samples[0].value == stats["requests_num"] == 1
    assert read["copg_requests"].samples[0].labels == {"pool": "measured"}


def test_histograms_of_prometheus_are_cumulative_and_end_with_all(measured: pycopg.PooledDatabase) -> None:
    with measured as db:
        db.execute("SELECT pg_sleep(0.03)")
        for _ in range(9):
            db.execute("SELECT 1")
        read = families(pycopg.prometheus(db))
    operations = read["copg_operation_seconds"].samples
    buckets = [(float(it.labels["le"]), it.value) for it in operations if it.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert [count for _, count in buckets] == sorted(count for _, count in buckets)
    assert buckets[-1] == (math.inf, 10)
    assert dict(buckets)[0.025] == 9
    assert [it.value for it in operations if it.name.endswith("_count")] == [10]
    assert 0.03 < next(it.value for it in operations if it.name.endswith("_sum")) < 20


def test_two_pools_with_one_name_can_be_told_apart(server_url: str) -> None:
    first = pycopg.PooledDatabase.from_url(server_url, 1, 1, name="same")
    with first, pycopg.PooledDatabase.from_url(server_url, 1, 2, name="same") as second:
        text = pycopg.prometheus(first, second)
    bounds = {it.labels["pool"]: it.value for it in families(text)["copg_connections_max"].samples}
    assert bounds == {"same": 1, "same#2": 2}
    lines = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(lines))


@pytest.mark.parametrize("name", ['say "hello"', "back\\slash", "two\nlines", "größe", "a}b{c,d=e"])
def test_every_name_of_a_pool_reads_back(server_url: str, name: str) -> None:
    with pycopg.PooledDatabase.from_url(server_url, 1, 1, name=name) as db:
        read = families(pycopg.prometheus(db))
    assert {it.labels["pool"] for family in read.values() for it in family.samples} == {name}


def test_prometheus_of_nothing_is_still_valid_and_of_no_pool_a_type_error() -> None:
    assert families(pycopg.prometheus())
    with pytest.raises(TypeError, match="is no pool"):
        pycopg.prometheus("a string")  # type: ignore[arg-type]


def test_a_pool_judges_its_size(db: pycopg.PooledDatabase) -> None:
    with db:
        db.wait()
        assert db.advise().verdict == "unknown"
        before = db.metrics()
        for _ in range(1100):
            db.execute("SELECT 1")
        advice = db.metrics().since(before).advise()
        assert advice.verdict in ("fits", "too_large")  # one request at a time
        assert advice.waited == 0
        assert 0 < advice.busy <= advice.under_way <= 1
        assert str(advice) == advice.text
        assert f"max_size {db.stats['pool_max']} " in advice.text
        with pytest.raises(pycopg.ConfigurationError, match="above 0 and below 1"):
            db.advise(0)
