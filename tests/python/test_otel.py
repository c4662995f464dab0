"""OpenTelemetry: the spans and metrics of a pool, as the SDK's own exporters get them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pycopg
from conftest import eventually, eventually_async
from pycopg import AsyncPooledDatabase, PooledDatabase

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from pycopg import otel

MakePool = Callable[..., PooledDatabase]


class Telemetry:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    def instrument(self, db: Any, **options: Any) -> otel.Instrumentation:
        return otel.instrument(db, tracer_provider=self.tracers, meter_provider=self.meters, **options)

    def spans(self) -> list[Any]:
        return list(self.exporter.get_finished_spans())

    def metrics(self) -> dict[str, Any]:
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def value(self, name: str, **attributes: Any) -> Any:
        """Of a sum its value, of a histogram its count; None if there is none with these attributes."""
        metric = self.metrics().get(name)
        if metric is None:
            return None
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        for point in metric.data.data_points:
            if all(point.attributes.get(key) == value for key, value in wanted.items()):
                return getattr(point, "count", getattr(point, "value", None))
        return None


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    made = Telemetry()
    yield made
    made.meters.shutdown()
    made.tracers.shutdown()


def test_a_statement_is_a_span_inside_that_of_its_caller(make_pool: MakePool, telemetry: Telemetry) -> None:
    db = make_pool(max_size=1)
    db.wait()
    telemetry.instrument(db)
    with telemetry.tracers.get_tracer("test").start_as_current_span("request") as request:
        db.execute("select %s::int", [4711])
    [statement, outer] = telemetry.spans()
    assert outer.name == "request"
    assert statement.parent.span_id == request.get_span_context().span_id
    assert (statement.name, statement.kind) == ("SELECT", SpanKind.CLIENT)
    assert statement.status.status_code == StatusCode.UNSET
    attributes = dict(statement.attributes)
    assert attributes["db.system.name"] == "postgresql"
    assert attributes["db.namespace"] == db.config.database
    assert attributes["server.address"] == db.config.host
    assert attributes["server.port"] == db.config.port
    assert attributes["db.query.text"] == "select $1::int"
    assert attributes["db.query.summary"] == "SELECT"
    assert attributes["db.response.returned_rows"] == 1
    assert "4711" not in str(attributes), "parameters are never told"


def test_an_error_is_that_of_the_server(make_pool: MakePool, telemetry: Telemetry) -> None:
    db = make_pool(max_size=1)
    db.wait()
    telemetry.instrument(db, query_text=False)
    with pytest.raises(pycopg.DataError):
        db.execute("SELECT 1/0")
    [span] = telemetry.spans()
    assert span.status.status_code == StatusCode.ERROR
    assert span.status.description == "division by zero"
    assert span.attributes["db.response.status_code"] == "22012"
    assert span.attributes["error.type"] == "22012"
    assert "db.query.text" not in span.attributes
    assert telemetry.value("db.client.operation.duration", error__type="22012") == 1


def test_a_wait_for_a_connection_is_a_span_inside_the_statements(make_pool: MakePool, telemetry: Telemetry) -> None:
    db = make_pool(max_size=1, name="orders")
    db.wait()
    telemetry.instrument(db)
    thread = threading.Thread(target=db.execute, args=("SELECT 1",))
    with db.connection():
        thread.start()
        eventually(lambda: db.stats["requests_waiting"] == 1)
    thread.join()
    [wait, statement] = telemetry.spans()
    assert (wait.name, statement.name) == ("wait for connection", "SELECT")
    assert wait.parent.span_id == statement.context.span_id
    assert wait.attributes["db.client.connection.pool.name"] == "orders"
    assert statement.start_time == wait.start_time < wait.end_time <= statement.end_time


@pytest.mark.parametrize("check", [None, lambda connection: connection.execute("SELECT 1")])
def test_a_lease_that_waits_is_a_span_and_one_that_does_not_is_none(
    make_pool: MakePool, telemetry: Telemetry, check: Any
) -> None:
    db = make_pool(max_size=1, name="orders", check=check)
    db.wait()
    tracer = telemetry.tracers.get_tracer("test")
    instrumentation = telemetry.instrument(db)

    def request() -> None:
        with tracer.start_as_current_span("request"), db.transaction() as conn:
            conn.execute("SELECT 1")

    def waits() -> list[Any]:
        return [span for span in telemetry.spans() if span.name == "wait for connection"]

    request()
    assert waits() == []
    thread = threading.Thread(target=request)
    with db.connection() as conn:
        assert type(conn).__name__ == ("Connection" if check is None else "CheckedConnection")
        assert "test_otel.py" in db.leases()[0].place, "the program's line, and none of pycopg's"
        thread.start()
        eventually(lambda: db.stats["requests_waiting"] == 1)
    thread.join()
    [wait] = waits()
    requests = {span.context.span_id for span in telemetry.spans() if span.name == "request"}
    assert wait.parent.span_id in requests
    assert wait.attributes["db.client.connection.pool.name"] == "orders"
    with db.connection(), pytest.raises(pycopg.PoolTimeout):
        threading_result(lambda: db.connection(timeout=0.01).__enter__())
    assert waits()[1].status.status_code == StatusCode.ERROR
    instrumentation.uninstrument()
    with db.connection(), pytest.raises(pycopg.PoolTimeout):
        threading_result(lambda: db.connection(timeout=0.01).__enter__())
    assert len(waits()) == 2


def threading_result(call: Callable[[], object]) -> None:
    """Runs the call on a thread, and raises here what it has raised."""
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        threads.submit(call).result()


def test_a_lease_of_a_task_that_waits_is_a_span(telemetry: Telemetry, server_url: str) -> None:
    tracer = telemetry.tracers.get_tracer("test")

    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, 1, 1) as db:
            await db.wait()
            telemetry.instrument(db)

            async def request() -> None:
                with tracer.start_as_current_span("request"):
                    async with db.connection() as conn:
                        await conn.execute("SELECT 1")

            async with db.connection():
                task = asyncio.create_task(request())
                await eventually_async(lambda: db.stats["requests_waiting"] == 1)
            await task

    asyncio.run(main())
    spans = {span.name: span for span in telemetry.spans()}
    assert set(spans) == {"wait for connection", "SELECT", "COMMIT", "request"}
    assert spans["wait for connection"].parent.span_id == spans["request"].context.span_id


def test_a_transaction_carries_its_trace_to_the_server(make_pool: MakePool, telemetry: Telemetry) -> None:
    db = make_pool(max_size=1)
    name = "SELECT current_setting('application_name')"
    assert otel.trace_settings() is None
    with telemetry.tracers.get_tracer("test").start_as_current_span("request") as span:
        context = span.get_span_context()
        with db.transaction(settings=otel.trace_settings()) as conn:
            seen = conn.fetch_val(name)
    assert seen == f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    assert db.fetch_val(name) != seen


def test_tasks_have_spans_of_their_own(telemetry: Telemetry, server_url: str) -> None:
    tracer = telemetry.tracers.get_tracer("test")

    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, 1, 2) as db:
            telemetry.instrument(db)

            async def request(n: int) -> None:
                with tracer.start_as_current_span(f"request {n}"):
                    await db.execute(f"SELECT {n}")

            await asyncio.gather(*map(request, range(10)))

    asyncio.run(main())
    spans = telemetry.spans()
    requests = {span.context.span_id: span.name for span in spans if span.name.startswith("request")}
    statements = [span for span in spans if span.name == "SELECT"]
    assert len(statements) == len(requests) == 10
    for span in statements:
        assert requests[span.parent.span_id] == "request " + span.attributes["db.query.text"].removeprefix("SELECT ")


def test_the_metrics_are_those_of_the_convention(make_pool: MakePool, telemetry: Telemetry) -> None:
    db = make_pool(min_size=1, max_size=3, name="orders")
    db.wait()
    telemetry.instrument(db)
    pool = {"db__client__connection__pool__name": "orders", "db__system__name": "postgresql"}
    with db.connection() as conn:
        conn.execute("SELECT 1")
        assert telemetry.value("db.client.connection.count", db__client__connection__state="used", **pool) == 1
        assert telemetry.value("db.client.connection.count", db__client__connection__state="idle", **pool) == 0
    assert telemetry.value("db.client.connection.max", **pool) == 3
    assert telemetry.value("db.client.connection.idle.min", **pool) == 1
    assert telemetry.value("db.client.connection.pending_requests", **pool) == 0
    db.resize(1, 1)
    with db.connection(), pytest.raises(pycopg.PoolTimeout):
        db.execute("SELECT 2", timeout=0.01)
    eventually(lambda: telemetry.value("db.client.connection.timeouts", **pool) == 1)
    eventually(lambda: telemetry.value("db.client.connection.wait_time", **pool) == 2)
    eventually(lambda: telemetry.value("db.client.connection.use_time", **pool) == 2)
    db.drain()
    eventually(lambda: telemetry.value("db.client.connection.create_time", **pool))
    duration = telemetry.metrics()["db.client.operation.duration"]
    assert duration.unit == "s"
    assert telemetry.value("db.client.operation.duration", db__query__summary="SELECT") == 1
    assert telemetry.value("db.client.operation.duration", error__type="pool_deadlock") == 1


def test_it_ends_when_told_and_does_not_keep_a_pool(telemetry: Telemetry, server_url: str) -> None:
    db = PooledDatabase.from_url(server_url, 1, 1)
    db.wait()
    instrumentation = telemetry.instrument(db)
    db.execute("SELECT 1")
    instrumentation.uninstrument()
    instrumentation.uninstrument()
    db.execute("SELECT 2")
    assert [span.attributes["db.query.text"] for span in telemetry.spans()] == ["SELECT 1"]
    assert "db.client.connection.count" not in telemetry.metrics()
    telemetry.instrument(db)
    gone = weakref.ref(db)
    db.close()
    del db, instrumentation
    gc.collect()
    eventually(lambda: gc.collect() is not None and gone() is None)
    assert "db.client.connection.count" not in telemetry.metrics()


def test_both_objects_of_one_pool_are_instrumented(telemetry: Telemetry, server_url: str) -> None:
    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, 1, 1) as db:
            telemetry.instrument(db.sync)
            await db.execute("SELECT 1")

    asyncio.run(main())
    assert [span.name for span in telemetry.spans()] == ["SELECT"]
