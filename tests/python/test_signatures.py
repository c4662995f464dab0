"""What `inspect`, `help` and `unittest.mock` can read of the package, and what a wrong call is told."""

from __future__ import annotations

import ast
import asyncio
import inspect
import pathlib
import pydoc
import types
import typing
from collections.abc import Callable, Iterator
from unittest import mock

import pytest

import pycopg
from pycopg import Config, PooledDatabase

PACKAGE = pathlib.Path(pycopg.__file__).parent
PROTOCOL = {"__init__", "__enter__", "__exit__", "__aenter__", "__aexit__", "__iter__", "__next__", "__aiter__"}


def is_public(name: str) -> bool:
    return not name.startswith("_") or name in PROTOCOL


def public_callables() -> Iterator[tuple[str, Callable[..., object]]]:
    for name in pycopg.__all__:
        thing = getattr(pycopg, name)
        if not callable(thing):
            continue
        if not isinstance(thing, type):
            yield name, thing
            continue
        for base in thing.__mro__:
            if not base.__module__.startswith("pycopg"):
                continue
            for member in vars(base):
                if is_public(member) and callable(getattr(thing, member)):
                    yield f"{name}.{member}", getattr(thing, member)


CALLABLES = dict(public_callables())


@pytest.mark.parametrize("name", CALLABLES)
def test_inspect_reads_the_signature_of_every_public_callable(name: str) -> None:
    for parameter in list(inspect.signature(CALLABLES[name]).parameters.values()):
        assert parameter.kind is not inspect.Parameter.POSITIONAL_ONLY or parameter.name == "self", name


def public_members() -> Iterator[tuple[str, object]]:
    for name in pycopg.__all__:
        thing = getattr(pycopg, name)
        for base in thing.__mro__ if isinstance(thing, type) else ():
            for member, value in vars(base).items() if base.__module__.startswith("pycopg") else ():
                if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                    yield f"{name}.{member}", getattr(thing, member)


def test_help_says_something_of_every_public_method_and_property() -> None:
    members = dict(public_members())
    assert len(members) > 200
    # The fields of Config and Diagnostic say by their names what they are.
    silent = [name for name, it in members.items() if not inspect.getdoc(it)]
    assert [name for name in silent if not name.startswith(("Config.", "Diagnostic."))] == []


def defined_in_the_sources() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The methods as the files of the package spell them, which is what type checkers and editors read."""
    for path in PACKAGE.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name in pycopg.__all__:
                for member in node.body:
                    if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and is_public(member.name):
                        yield f"{node.name}.{member.name}", member


def is_method(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    marks = ("property", "classmethod", "overload")
    return not any(isinstance(it, ast.Name) and it.id in marks for it in node.decorator_list)


@pytest.mark.parametrize(
    ("name", "node"), [it for it in defined_in_the_sources() if is_method(it[1])], ids=lambda it: str(it)[:40]
)
def test_a_signature_is_that_of_the_source(name: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    shown = inspect.signature(CALLABLES[name])
    arguments = node.args
    any_number = [arguments.vararg] if arguments.vararg else []
    parameters = (*arguments.args, *any_number, *arguments.kwonlyargs)
    assert list(shown.parameters) == [it.arg for it in parameters]
    assert [it.annotation for it in shown.parameters.values()][1:] == [
        ast.unparse(it.annotation) for it in parameters[1:] if it.annotation
    ]
    defaults = [repr(it.default) for it in shown.parameters.values() if it.default is not inspect.Parameter.empty]
    written = [ast.unparse(it) for it in (*arguments.defaults, *arguments.kw_defaults) if it is not None]
    assert [it.replace("<class 'dict'>", "dict") for it in defaults] == written


def test_the_verbs_of_the_pool_have_their_signatures_annotations_and_texts() -> None:
    assert str(inspect.signature(PooledDatabase.execute)) == (
        "(self, sql: 'Query', params: 'Params | None' = None, *,"
        " row: 'Callable[..., Any] | None' = None, timeout: 'float | Deadline | None' = None) -> 'list[Any]'"
    )
    assert PooledDatabase.wait.__defaults__ == (30.0,)
    assert inspect.getsource(PooledDatabase.fetch_val).lstrip().startswith("@shortcut")
    assert inspect.isfunction(PooledDatabase.execute)
    assert PooledDatabase.execute.__qualname__ == "PooledDatabase.execute"
    assert "one round trip" in pydoc.render_doc(PooledDatabase.execute)
    assert inspect.getdoc(pycopg.Connection.commit) == "One round trip; none without an open transaction."
    assert "execute(self, sql: 'Query', params: 'Params | None' = None, *, row:" in pydoc.plain(
        pydoc.render_doc(PooledDatabase)
    )


@pytest.mark.parametrize("make", [lambda pool: mock.create_autospec(type(pool), instance=True), mock.create_autospec])
def test_an_autospec_checks_the_arguments(
    make: Callable[[PooledDatabase], typing.Any], make_pool: Callable[..., PooledDatabase]
) -> None:
    double = make(make_pool())
    double.execute("SELECT 1", [1])
    double.execute(sql="SELECT 1", params=None)
    double.close(timeout=1.0)
    for wrong in (
        lambda: double.execute(),
        lambda: double.execute("SELECT 1", parameters=[1]),
        lambda: double.fetch_val("SELECT 1", [1], 2),
        lambda: double.execute_many("SELECT 1"),
        lambda: double.wait(seconds=3),
    ):
        with pytest.raises(TypeError):
            wrong()


def test_a_wrong_call_is_told_as_python_tells_it(db: PooledDatabase) -> None:
    call: typing.Any = db
    whose = r"^(PooledDatabase\.)?"  # Python 3.9 does not say it
    with pytest.raises(TypeError, match=whose + r"execute\(\) got an unexpected keyword argument 'parms'$"):
        call.execute("SELECT 1", parms=[1])
    with pytest.raises(TypeError, match=whose + r"execute\(\) missing 1 required positional argument: 'sql'$"):
        call.execute()
    with pytest.raises(TypeError, match=whose + r"fetch_one\(\) takes from 2 to 3 positional arguments but 4"):
        call.fetch_one("SELECT 1", [], 1)
    with pytest.raises(TypeError, match=whose + r"execute\(\) takes from 2 to 3 positional arguments but 4"):
        call.execute("SELECT 1", [], 1.0)
    with pytest.raises(TypeError, match=whose + r"fetch_one\(\) takes from 2 to 3 positional arguments but"):
        call.fetch_one("SELECT 1", [], 1, timeout=1.0)
    with pytest.raises(TypeError, match=whose + r"fetch_val\(\) got multiple values for argument 'sql'$"):
        call.fetch_val("SELECT 1", sql="SELECT 2")
    with db.connection() as connection, pytest.raises(TypeError, match=r"^(Connection\.)?commit\(\) takes 1 "):
        connection.commit(1)  # type: ignore[call-arg]


def test_arguments_may_be_named_in_any_order(db: PooledDatabase) -> None:
    assert db.fetch_val("SELECT %s::int", [7]) == 7
    assert db.fetch_val("SELECT %s::int", params=[7]) == 7
    assert db.fetch_val(sql="SELECT %s::int", params=[7]) == 7
    assert db.fetch_val(params=[7], sql="SELECT %s::int") == 7
    assert db.fetch_val(sql="SELECT 7") == 7
    assert db.fetch_val("SELECT 7", timeout=20.0) == 7
    assert db.fetch_val("SELECT %s::int", [7], timeout=20.0) == 7
    assert db.fetch_val(timeout=20.0, sql="SELECT %s::int", params=[7]) == 7
    assert db.fetch_val("SELECT %s::int", timeout=20.0, params=[7]) == 7
    # A name that is another object than the definition's: made here.
    assert db.fetch_val("SELECT %s::int", **{"".join(["par", "ams"]): [7]}) == 7


def test_a_verb_is_a_method_as_any_other(db: PooledDatabase) -> None:
    class Counting(PooledDatabase):
        calls = 0

        def execute(self, sql: str, params: typing.Any = None) -> list[typing.Any]:
            self.calls += 1
            return super().execute(sql, params)

    with Counting(db.config, 1, 1) as counting:
        assert counting.execute("SELECT 1 AS one") == [{"one": 1}]
        assert counting.calls == 1
    bound = db.execute
    assert isinstance(bound, types.MethodType)
    assert bound("SELECT 1 AS one") == [{"one": 1}]
    assert PooledDatabase.execute(db, "SELECT 1 AS one") == [{"one": 1}]
    with pytest.raises(TypeError):
        PooledDatabase.execute("no pool", "SELECT 1")  # type: ignore[arg-type]


WRONG_TYPES: dict[str, Callable[[typing.Any], object]] = {
    "query": lambda db: db.execute(None),
    "query of many": lambda db: db.execute_many(7, []),
    "rows": lambda db: db.execute_many("SELECT %s", None),
    "wait": lambda db: db.wait("1"),
    "wait for nothing": lambda db: db.wait(None),
    "close": lambda db: db.close(timeout="1"),
    "minimum": lambda db: db.resize("1"),
    "maximum": lambda db: db.resize(1, 2.5),
    "lease": lambda db: db.connection("1").__enter__(),
    "transaction": lambda db: db.transaction("1").__enter__(),
    "autocommit": lambda db: PooledDatabase(db.config, autocommit=1, open=False),  # type: ignore[arg-type]
    "URL": lambda db: PooledDatabase.from_url(7),  # type: ignore[arg-type]
    "file": lambda db: PooledDatabase.from_env(7),  # type: ignore[arg-type]
    "options": lambda db: Config(options={7: "x"}).dsn,  # type: ignore[dict-item]
    "port": lambda db: Config(port="x").dsn,  # type: ignore[arg-type]
    "sslmode": lambda db: Config(sslmode=7).dsn,  # type: ignore[arg-type]
    "statement_timeout": lambda db: Config(statement_timeout="5").dsn,  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", WRONG_TYPES)
def test_a_value_of_a_wrong_type_is_told_in_our_words(what: str, db: PooledDatabase) -> None:
    with pytest.raises(TypeError) as caught:
        WRONG_TYPES[what](db)
    assert "incompatible function arguments" not in str(caught.value)
    assert "_native" not in str(caught.value)


def test_a_value_of_a_wrong_type_is_told_in_our_words_on_a_connection(db: PooledDatabase) -> None:
    with db.connection() as connection:
        lease: typing.Any = connection
        with pytest.raises(TypeError, match="^autocommit = 'on': it must be True or False$"):
            lease.autocommit = "on"
        with pytest.raises(TypeError, match="^name = 7: it must be a str$"):
            lease.info.parameter_status(7)
        with pytest.raises(TypeError, match="^the query must be a str, not int$"):
            lease.execute(7)


def test_a_value_of_a_wrong_type_is_told_in_our_words_on_an_event_loop(server_url: str) -> None:
    async def main() -> None:
        async with pycopg.AsyncPooledDatabase.from_url(server_url, 1, 1) as opened:
            db: typing.Any = opened
            for call in (
                lambda: db.wait("1"),
                lambda: db.execute(None),
                lambda: db.execute_many(7, [[1]]),
                lambda: db.execute_many("SELECT %s", None),
                lambda: db.connection("1").__aenter__(),
                lambda: db.close(timeout="1"),
            ):
                with pytest.raises(TypeError) as caught:
                    await call()
                assert "incompatible function arguments" not in str(caught.value)
            with pytest.raises(TypeError, match="^min_size = '1': it must be a whole number"):
                db.resize("1")
            async with db.connection() as connection:
                with pytest.raises(TypeError, match="^autocommit = 1: it must be True or False$"):
                    await connection.set_autocommit(1)

    asyncio.run(main())
