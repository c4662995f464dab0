"""Traces and metrics for OpenTelemetry: `pycopg.otel.instrument(db)`. Needs opentelemetry-api: `copg[otel]`.

The names are those of OpenTelemetry's semantic conventions for databases (1.43). Parameters are never told.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from . import _native, events
from ._otel_leases import leases_told_to
from ._pool_base import PoolBase

__all__ = ["Instrumentation", "instrument", "trace_settings"]

# The advice of the conventions, in seconds.
BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)


def instrument(
    db: PoolBase,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    query_text: bool = True,
) -> Instrumentation:
    """Tells OpenTelemetry what a pool does, until `uninstrument` of what it returns. Any time after the pool is made.

    Each call that sends statements becomes a span, whose parent is the current span of the thread or task that makes
    the call; a wait for its connection is a span inside. A wait of `db.connection()` or `db.transaction()` is a span
    inside the current one; where a connection was free at once there is none. `query_text=False` leaves texts of
    statements out: literals in them are sent as they stand. The providers are by default those that the program has
    set.
    """
    return Instrumentation(db, tracer_provider, meter_provider, query_text)


def trace_settings() -> dict[str, str] | None:
    """The current span as the `application_name` of a transaction: `db.transaction(settings=otel.trace_settings())`.

    It travels with the BEGIN, without a round trip of its own, and is gone with the transaction. The server shows it in
    pg_stat_activity, and in its log where log_line_prefix has %a. It is the span's traceparent, as of W3C Trace
    Context: 55 characters. None, which is no setting, if there is no current span.
    """
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return None
    trace_id, span_id = trace.format_trace_id(span.trace_id), trace.format_span_id(span.span_id)
    return {"application_name": f"00-{trace_id}-{span_id}-{int(span.trace_flags):02x}"}


class Begun(NamedTuple):
    """What is kept of a call on its way."""

    span: Span
    at_ns: int
    summary: str


class Instrumentation:
    """A pool that is instrumented. Its methods are hooks of an observer."""

    def __init__(self, db: Any, tracers: TracerProvider | None, meters: MeterProvider | None, query_text: bool) -> None:
        version = _native.__version__
        self._db = weakref.ref(db)
        self._query_text = query_text
        self._tracer = trace.get_tracer("pycopg", version, tracers)
        meter = metrics.get_meter("pycopg", version, meters)
        self._common = {"db.system.name": "postgresql", **_server(db.config)}
        self._pool = {**self._common, "db.client.connection.pool.name": db.name}

        def histogram(name: str, text: str) -> Any:
            return meter.create_histogram(
                name, unit="s", description=text, explicit_bucket_boundaries_advisory=BUCKETS_S
            )

        self._duration = histogram("db.client.operation.duration", "Duration of database client operations.")
        self._create_time = histogram("db.client.connection.create_time", "The time it took to create a connection.")
        self._wait_time = histogram("db.client.connection.wait_time", "The time it took to obtain a connection.")
        self._use_time = histogram("db.client.connection.use_time", "The time between obtaining and returning one.")
        self._timeouts = meter.create_counter(
            "db.client.connection.timeouts", "{timeout}", "Requests that got no connection in time."
        )

        def gauge(name: str, unit: str, text: str, read: Callable[[dict[str, Any]], Iterable[Observation]]) -> None:
            def observe(_: CallbackOptions) -> Iterable[Observation]:
                pool = self._db()
                return read(pool.stats) if pool is not None and self._undo is not None else ()

            meter.create_observable_up_down_counter(name, [observe], unit, text)

        gauge(
            "db.client.connection.count", "{connection}", "The number of connections in each state.", self._connections
        )
        gauge("db.client.connection.max", "{connection}", "The most connections allowed.", self._read("pool_max"))
        gauge("db.client.connection.idle.min", "{connection}", "The fewest kept open.", self._read("pool_min"))
        gauge(
            "db.client.connection.pending_requests",
            "{request}",
            "Requests that wait for a connection.",
            self._read("requests_waiting"),
        )
        self._undo: Callable[[], None] | None = db._observe(self)
        self._undo_leases = leases_told_to(db, self.waiting)

    def uninstrument(self) -> None:
        """Tells OpenTelemetry no more. Idempotent."""
        if self._undo is not None:
            self._undo()
            self._undo_leases()
            self._undo = None

    def _read(self, name: str) -> Callable[[dict[str, Any]], Iterable[Observation]]:
        return lambda stats: [Observation(stats[name], self._pool)]

    def _connections(self, stats: dict[str, Any]) -> Iterable[Observation]:
        idle = stats["pool_available"]
        for state, count in (("idle", idle), ("used", stats["pool_size"] - idle)):
            yield Observation(count, {**self._pool, "db.client.connection.state": state})

    # Hooks.

    def statement_began(self, event: events.StatementBegan) -> Begun:
        summary = _summary(event)
        attributes: dict[str, Any] = {**self._common, "db.query.summary": summary}
        if self._query_text:
            attributes["db.query.text"] = event.text
        if event.statements > 1:
            attributes["db.operation.batch.size"] = event.statements
        at_ns = time.time_ns()
        span = self._tracer.start_span(summary, kind=SpanKind.CLIENT, attributes=attributes, start_time=at_ns)
        return Begun(span, at_ns, summary)

    def statement_ended(self, event: events.StatementEnded, begun: Begun | None) -> None:
        if begun is None:
            return
        span = begun.span
        attributes: dict[str, Any] = {**self._common, "db.query.summary": begun.summary}
        if event.error is not None:
            attributes["error.type"] = event.sqlstate or event.kind
            if event.sqlstate is not None:
                attributes["db.response.status_code"] = event.sqlstate
        elif event.abandoned:
            attributes["error.type"] = "abandoned"
        if span.is_recording():
            if event.wait > 0:
                self._waited(span, begun.at_ns, event.wait)
            if "error.type" in attributes:
                span.set_attributes({key: attributes[key] for key in attributes if key not in self._common})
                span.set_status(Status(StatusCode.ERROR, event.error))
            elif event.verb not in ("commit", "rollback", "copy"):
                span.set_attribute("db.response.returned_rows", event.rows)
        span.end()
        self._duration.record(event.wait + event.took, attributes)

    def _waited(self, span: Span, at_ns: int, wait_s: float) -> None:
        inside = trace.set_span_in_context(span)
        wait = self._tracer.start_span("wait for connection", inside, SpanKind.INTERNAL, self._pool, start_time=at_ns)
        wait.end(at_ns + int(wait_s * 1e9))

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around the wait of a caller that leases a connection."""
        with self._tracer.start_as_current_span(
            "wait for connection", kind=SpanKind.INTERNAL, attributes=self._pool, record_exception=False
        ):
            yield

    def opened(self, event: events.Opened) -> None:
        self._create_time.record(event.connect_time, self._pool)

    def acquired(self, event: events.Acquired) -> None:
        self._wait_time.record(event.wait, self._pool)

    def released(self, event: events.Released) -> None:
        self._use_time.record(event.usage, self._pool)

    def acquire_failed(self, event: events.AcquireFailed) -> None:
        if event.kind in ("pool_timeout", "pool_deadlock"):
            self._timeouts.add(1, self._pool)


def _server(config: Any) -> dict[str, Any]:
    return {"server.address": config.host, "server.port": config.port, "db.namespace": config.database}


def _summary(event: events.StatementBegan) -> str:
    """The name of a span, of which there must not be many."""
    if event.statements > 1:
        return "BATCH"
    words = event.text.split(None, 1)
    word = words[0].rstrip(";").upper() if words else ""
    return word if word.isalpha() and len(word) <= 20 else event.verb
