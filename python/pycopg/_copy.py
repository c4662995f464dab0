"""COPY: blocks that are written to or read piece by piece, and what `copy_in` and `copy_out` take."""

from __future__ import annotations

import asyncio
import inspect
import io
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, Union

from . import _native
from ._copying import LEASE, Refusal, uncopied
from ._native_types import Raised, RaisedType, Traceback, TransactionStatus
from ._shortcut import shortcut
from ._streaming import is_async_only
from .deadline import Deadline, as_deadline
from .errors import Error, ProgrammingError

if TYPE_CHECKING:
    from ._types import Types
    from .sql import Query

Data = Union[bytes, bytearray, memoryview, str]
Format = Literal["text", "csv", "binary"]
AnyCopy = TypeVar("AnyCopy", bound="Copy")


class SupportsRead(Protocol):
    """A file to read from; of an asynchronous one `read` gives an awaitable."""

    def read(self, size: int, /) -> Any: ...


class SupportsWrite(Protocol):
    def write(self, data: Any, /) -> Any: ...


# From so many rows on, binary format is worth the question about the types.
_MANY_ROWS = 1000
_TYPES = """SELECT array_agg(atttypid::int8 ORDER BY array_position(%(columns)s::text[], attname::text), attnum)
FROM pg_catalog.pg_attribute
WHERE attrelid = pg_catalog.to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped
AND CASE WHEN %(columns)s::text[] IS NULL THEN attgenerated = '' ELSE attname = ANY(%(columns)s::text[]) END"""
_HAS_GENERATED_COLUMNS = 120000  # servers from this version on

# Of a file, read at a time.
_FILE_BYTES = 256 * 1024
# What an event loop leaves to a thread is worth the way there.
_FILE_BYTES_IN_THREAD = 1024 * 1024


class Copy(_native.Copy):
    """What `conn.copy()` returns: a COPY that begins when entered. For one thread at a time.

    Leaving the block normally ends COPY ... FROM STDIN, and raises what the server says of the data; `rowcount` has the
    number of rows then. An exception in the block ends it without effect, and reaches the caller; so does leaving COPY
    ... TO STDOUT before its end. In a transaction, that has failed then. The connection survives, and has no other call
    meanwhile: InterfaceError.
    """

    __reduce_ex__: Refusal = uncopied(LEASE)

    def __init__(self, connection: _native.Connection, sql: Query, timeout: float | Deadline | None = None) -> None:
        super().__init__(connection, sql, timeout)
        self.rowcount: int = -1
        """The rows copied, once it has ended; -1 before, and after an exception."""

    def __enter__(self: AnyCopy) -> AnyCopy:
        self._begin()
        return self

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        if error is None:
            self._leave()
            return
        with suppress(Error):  # giving the connection back cleans it
            self._cancel()

    @shortcut(_native.Copy._write)
    def write(self, data: Data) -> None:
        """Sends data in the format of the statement, cut anywhere. A str is sent as UTF-8.

        Pieces are gathered, and sent 64 KiB at a time. An error of the server may be raised no earlier than at the end.
        """
        self._write(data)

    @shortcut(_native.Copy._write_row)
    def write_row(self, row: Sequence[Any]) -> None:
        """Sends a row, for a COPY in text format, which is that of a COPY that names none.

        A value that can't be sent raises an error that names the row; the row is left out, and the COPY goes on.
        """
        self._write_row(row)

    def read(self) -> bytes:
        """Returns the next piece, b"" at the end: up to 64 KiB and a row, or what the server has sent so far.

        In text and CSV format it ends with a row.
        """
        piece = self._read()
        if not piece and self.rowcount < 0:
            self.rowcount = self._finish()
        return piece

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read():
            yield piece

    def rows(self) -> Iterator[tuple[str | None, ...]]:
        """Reads the rows of COPY ... TO STDOUT in text format. Values are str, as PostgreSQL writes them, or None."""
        for piece in self:
            yield from _native.copy_rows(piece)

    def finish(self) -> int:
        """Ends it, as leaving the block does, and returns the rows copied. What it still sends is dropped."""
        self.rowcount = self._finish()
        return self.rowcount

    def cancel(self) -> None:
        """Ends it without effect, as an exception in the block does. Nothing if it has ended."""
        self._cancel()

    def _leave(self) -> None:
        if self._takes_data:
            self.rowcount = self._finish()
        else:
            self._cancel()


class AsyncCopy:
    """What `conn.copy()` returns: a COPY that begins when entered. For one task at a time. See `Copy`."""

    __reduce_ex__: Refusal = uncopied(LEASE)

    def __init__(self, connection: Any, sql: Query, timeout: float | Deadline | None = None) -> None:
        self._connection = connection
        self._timeout = timeout
        self._native = _native.LoopCopy(sql)
        self.rowcount: int = -1
        """The rows copied, once it has ended; -1 before, and after an exception."""

    async def __aenter__(self) -> AsyncCopy:
        if self._timeout is not None:
            self._timeout = as_deadline(self._timeout)
        await self._call(self._connection._copy_begin)
        return self

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        if error is None:
            if self._native.takes_data:
                await self.finish()
            else:
                await self.cancel()
            return
        if isinstance(error, GeneratorExit):  # the coroutine is being closed, so it can't await
            return
        with suppress(Error):  # giving the connection back cleans it
            await self.cancel()

    async def write(self, data: Data) -> None:
        """Sends data in the format of the statement, cut anywhere. A str is sent as UTF-8.

        Pieces are gathered, and sent 64 KiB at a time. An error of the server may be raised no earlier than at the end.
        """
        if self._native.add_data(data):
            await self._call(self._connection._copy_write)

    async def write_row(self, row: Sequence[Any]) -> None:
        """Sends a row, for a COPY in text format, which is that of a COPY that names none.

        A value that can't be sent raises an error that names the row; the row is left out, and the COPY goes on.
        """
        if self._native.add_row(row):
            await self._call(self._connection._copy_write)

    async def read(self) -> bytes:
        """Returns the next piece, b"" at the end: up to 64 KiB and a row, or what the server has sent so far.

        In text and CSV format it ends with a row.
        """
        piece: bytes = await self._call(self._connection._copy_read)
        if not piece and self.rowcount < 0:
            self.rowcount = await self._call(self._connection._copy_finish)
        return piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read():
            yield piece

    async def rows(self) -> AsyncIterator[tuple[str | None, ...]]:
        """Reads the rows of COPY ... TO STDOUT in text format. Values are str, as PostgreSQL writes them, or None."""
        while piece := await self.read():
            for row in _native.copy_rows(piece):
                yield row

    async def finish(self) -> int:
        """Ends it, as leaving the block does, and returns the rows copied. What it still sends is dropped."""
        if self._native.waiting:
            await self._call(self._connection._copy_write)
        self.rowcount = await self._call(self._connection._copy_finish)
        return self.rowcount

    async def cancel(self) -> None:
        """Ends it without effect, as an exception in the block does. Nothing if it has ended."""
        await self._call(self._connection._copy_cancel)

    async def _call(self, make_call: Callable[..., _native.LoopCall]) -> Any:
        return await self._connection._run(make_call, self._native, timeout=self._timeout)


def is_statement(text: str) -> bool:
    """A text with white space is SQL; a table that has some in its name is written in double quotes."""
    return not text.startswith('"') and len(text.split(None, 1)) > 1


def in_text(table: str, columns: Sequence[str] | None, kind: Format | None, header: bool) -> str:
    """The statement of `copy_in`."""
    if isinstance(columns, str):
        raise ProgrammingError(f"columns = {columns!r}: it must be a list of names")
    if is_statement(table):
        if columns is not None or header:
            raise ProgrammingError("a whole COPY statement names its columns and its header itself")
        return table
    return _native.copy_in_text(table, None if columns is None else list(columns), options(kind, header))


def out_text(what: str, kind: Format | None, header: bool) -> str:
    """The statement of `copy_out`."""
    if not is_statement(what):
        return f"COPY {_native.quoted_table(what)} TO STDOUT{options(kind, header)}"
    if what.split(None, 1)[0].upper() == "COPY":
        if kind is not None or header:
            raise ProgrammingError("a whole COPY statement names its format and its header itself")
        return what
    return f"COPY ({what.rstrip().rstrip(';')}\n) TO STDOUT{options(kind, header)}"


def options(kind: Format | None, header: bool) -> str:
    if kind not in (None, "text", "csv", "binary"):
        raise ProgrammingError(f"format = {kind!r}: it must be 'text', 'csv' or 'binary'")
    if header and kind != "csv":
        raise ProgrammingError("header=True goes with format='csv'")
    return "" if kind in (None, "text") else f" (FORMAT {kind}{', HEADER' if header else ''})"


class Source:
    """What `copy_in` was given: rows of values, or data in COPY's own format. Judged before anything is sent."""

    def __init__(self, rows: Any, columns: Sequence[str] | None, kind: Format | None, *, asynchronous: bool) -> None:
        if isinstance(rows, (str, bytes, bytearray, memoryview)):
            raise ProgrammingError("copy_in takes rows, an iterable of data, or a file: put one piece into a list")
        self._columns = None if columns is None else tuple(columns)
        self._file = rows if hasattr(rows, "read") else None
        self._is_data = kind is not None or self._file is not None
        self._asynchronous = asynchronous and is_async_only(rows)
        self._rows: Any = None
        if self._file is None:
            self._rows = rows if self._asynchronous else _native.iterator_of(rows)

    def has_many_rows(self) -> bool:
        """Whether there are so many that binary format is worth a question. Reads them, to find out."""
        if self._is_data or self._asynchronous:
            return False
        head = list(itertools.islice(self._rows, _MANY_ROWS))
        self._rows = itertools.chain(head, self._rows)
        return len(head) == _MANY_ROWS and isinstance(head[0], (tuple, list))

    def parameters(self, table: str) -> dict[str, Any]:
        """Of the question about the types of the columns."""
        return {"table": _native.quoted_table(table), "columns": None if self._columns is None else [*self._columns]}

    def known(self, types: list[int] | None, own: Types) -> list[int] | None:
        """The answer, if rows can be written in binary format. `own`: the types of the program's own."""
        if types is None or (self._columns is not None and len(types) != len(self._columns)):
            return None
        if own._sends_otherwise(types):
            return None
        return types if _native.copy_knows(types) else None

    def send_binary(self, copy: Copy, types: list[int]) -> bool:
        """Sends rows until one does not fit. False: all have been sent."""
        misfit = copy._write_binary(self._rows, types)
        if misfit is None:
            return False
        self._rows = itertools.chain([misfit], self._rows)
        return True

    async def send_binary_async(self, copy: AsyncCopy, types: list[int]) -> bool:
        native = copy._native
        native.set_types(types)
        while native.fill(self._rows) and native.misfit is None:
            await copy._call(copy._connection._copy_write)
        native.end_binary()
        if native.misfit is None:
            return False
        self._rows = itertools.chain([native.misfit], self._rows)
        return True

    def send(self, copy: Copy, before: int = 0) -> None:
        """`before`: rows that were sent in binary format."""
        if not self._is_data:
            copy._write_rows(self._rows, self._columns, before)
        elif self._file is not None:
            while data := self._file.read(_FILE_BYTES):
                copy._write(data)
        else:
            for data in self._rows:
                copy._write(data)

    async def send_async(self, copy: AsyncCopy, before: int = 0) -> None:
        native = copy._native
        native.follows(before)
        flush = copy._connection._copy_write
        if self._is_data:
            async for data in self._data():
                await copy.write(data)
            return
        if self._columns is not None:
            native.set_columns(self._columns)
        if not self._asynchronous:
            while native.fill(self._rows):
                await copy._call(flush)
            return
        async for row in self._rows:
            if native.add_row(row):
                await copy._call(flush)

    async def _data(self) -> AsyncIterator[Data]:
        if self._file is not None:
            while data := await in_thread(self._file, self._file.read, _FILE_BYTES_IN_THREAD):
                yield data
        elif self._asynchronous:
            async for data in self._rows:
                yield data
        else:
            for data in self._rows:
                yield data


async def in_thread(file: Any, function: Callable[[Any], Any], argument: Any) -> Any:
    """Calls a method of a file where it does not hold up the event loop. Awaits that of an asynchronous file."""
    if isinstance(file, (io.BytesIO, io.StringIO)) or inspect.iscoroutinefunction(function):
        result = function(argument)
    else:
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(None, function, argument)
    return await result if inspect.isawaitable(result) else result


class Writer:
    """Writes pieces to a file: a text file gets str, a raw one is given the rest of what it did not take."""

    def __init__(self, file: Any) -> None:
        if not callable(getattr(file, "write", None)):
            raise ProgrammingError(f"copy_out writes to a file, an object with write(), not to {file!r}")
        self.file = file
        self._is_text = isinstance(file, io.TextIOBase)

    def write(self, piece: bytes) -> Any:
        if self._is_text:
            return self.file.write(piece.decode())
        taken = self.file.write(piece)
        while isinstance(taken, int) and 0 < taken < len(piece):
            piece = piece[taken:]
            taken = self.file.write(piece)
        return taken


def copy_in(
    conn: Any,
    table: str,
    rows: Any,
    columns: Sequence[str] | None,
    kind: Format | None,
    header: bool,
    deadline: Deadline,
) -> int:
    """What `copy_in` of a connection does.

    Many rows go in binary format, which costs the server half as much, as far as their values mean the same in both
    formats. The rest goes as text, in the same transaction.
    """
    text = in_text(table, columns, kind, header)
    source = Source(rows, columns, kind, asynchronous=False)
    types = None
    if not is_statement(table) and source.has_many_rows() and conn.info.server_version >= _HAS_GENERATED_COLUMNS:
        types = source.known(conn.fetch_val(_TYPES, source.parameters(table), timeout=deadline), conn.types)
    if types is None:
        with Copy(conn, text, deadline) as copy:
            source.send(copy)
        return copy.rowcount
    with conn.transaction(timeout=deadline) if is_idle(conn) else nullcontext():
        with Copy(conn, in_text(table, columns, "binary", header), deadline) as copy:
            more = source.send_binary(copy, types)
        count = copy.rowcount
        if more:
            with Copy(conn, text, deadline) as copy:
                source.send(copy, count)
            count += copy.rowcount
    return count


async def copy_in_async(
    conn: Any,
    table: str,
    rows: Any,
    columns: Sequence[str] | None,
    kind: Format | None,
    header: bool,
    deadline: Deadline,
) -> int:
    """As `copy_in`."""
    text = in_text(table, columns, kind, header)
    source = Source(rows, columns, kind, asynchronous=True)
    types = None
    if not is_statement(table) and source.has_many_rows() and conn.info.server_version >= _HAS_GENERATED_COLUMNS:
        types = source.known(await conn.fetch_val(_TYPES, source.parameters(table), timeout=deadline), conn.types)
    if types is None:
        async with AsyncCopy(conn, text, deadline) as copy:
            await source.send_async(copy)
        return copy.rowcount
    if is_idle(conn):
        async with conn.transaction(timeout=deadline):
            return await _copy_binary(conn, table, columns, text, source, types, deadline)
    return await _copy_binary(conn, table, columns, text, source, types, deadline)


async def _copy_binary(
    conn: Any,
    table: str,
    columns: Sequence[str] | None,
    text: str,
    source: Source,
    types: list[int],
    deadline: Deadline,
) -> int:
    async with AsyncCopy(conn, in_text(table, columns, "binary", False), deadline) as copy:
        more = await source.send_binary_async(copy, types)
    count = copy.rowcount
    if more:
        async with AsyncCopy(conn, text, deadline) as copy:
            await source.send_async(copy, count)
        count += copy.rowcount
    return count


def is_idle(conn: Any) -> bool:
    """Each statement is a transaction of its own."""
    return bool(conn.autocommit) and conn.info.transaction_status is TransactionStatus.IDLE


def copy_out(copy: Copy, file: Any) -> int:
    writer = Writer(file)
    with copy:
        for piece in copy:
            writer.write(piece)
    return copy.rowcount


async def copy_out_async(copy: AsyncCopy, file: Any) -> int:
    writer = Writer(file)
    write = file.write if inspect.iscoroutinefunction(file.write) else writer.write
    gathered: list[bytes] = []
    size = 0
    async with copy:
        async for piece in copy:
            gathered.append(piece)
            size += len(piece)
            if size >= _FILE_BYTES_IN_THREAD:
                await in_thread(file, write, b"".join(gathered))
                gathered, size = [], 0
        if gathered:
            await in_thread(file, write, b"".join(gathered))
    return copy.rowcount
