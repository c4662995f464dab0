"""The types that the package declares: complete, and true of the native module."""

from __future__ import annotations

import ast
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

import pytest

import pycopg
from pycopg import _native

# What every class of nanobind has, and what Shortcut has as any callable descriptor.
INHERITED = {"__doc__", "__module__", "__weakref__", "__nb_signature__", "__dict__", "__new__", "__init__"}
INHERITED |= {"__annotations__", "__call__", "__get__", "__getattribute__", "__repr__", "__vectorcalloffset__"}
HERE = pathlib.Path(__file__).parent
PACKAGE = pathlib.Path(pycopg.__file__).parent


ROOT = HERE.parents[1]
EXAMPLES = ROOT / "examples"
# Of the bases that Django has, no type is known; the others inherit from SQLAlchemy's dialects, which have no types.
NOT_OURS = ("pycopg.django.", "pycopg._sqlalchemy", "pycopg.sqlalchemy.")
PYRIGHT_TIMEOUT_S = 300


def run(*command: str, cwd: pathlib.Path = HERE) -> None:
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("what", [("-p", "pycopg", "-p", "pytest_copg"), ("usage.py",)], ids=" ".join)
def test_mypy_strict_finds_nothing(what: tuple[str, ...]) -> None:
    run("mypy", "--strict", "--no-incremental", *what)


def test_mypy_finds_misspelt_options_and_wrong_modes() -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--no-error-summary", "misuse.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)
    found = sorted({int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line})
    marked = [
        number
        for number, line in enumerate((HERE / "misuse.py").read_text().splitlines(), 1)
        if line.endswith("  # wrong")
    ]
    assert found == marked, done.stdout + done.stderr


@pytest.mark.parametrize("example", ["fastapi_users", "flask_users"])
def test_mypy_strict_finds_nothing_in_the_examples(example: str) -> None:
    files = [str(path.relative_to(EXAMPLES / example)) for path in (EXAMPLES / example).rglob("*.py")]
    assert files
    run("mypy", "--strict", "--no-incremental", *files, cwd=EXAMPLES / example)


def test_ty_finds_nothing() -> None:
    """In the package, the examples and usage.py, as pyproject.toml has it."""
    run("ty", "check", "--python", sys.prefix, cwd=ROOT)


@pytest.fixture(scope="module")
def pyright() -> Callable[..., str]:
    """Runs it, and returns what it says. It is a program for Node.js, which its package fetches the first time."""

    def run_pyright(*arguments: str) -> subprocess.CompletedProcess[str]:
        path = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [sys.executable, "-m", "pyright", *arguments],
            cwd=ROOT,
            env={**os.environ, "PATH": path, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
            capture_output=True,
            text=True,
            timeout=PYRIGHT_TIMEOUT_S,
            check=False,
        )

    version = run_pyright("--version")
    if version.returncode != 0:
        pytest.skip(f"pyright can't be had: {version.stderr.strip().splitlines()[-1]}")
    return lambda *arguments: run_pyright(*arguments).stdout


def test_pyright_finds_nothing(pyright: Callable[..., str]) -> None:
    """In the same places as ty."""
    found = json.loads(pyright("--pythonpath", sys.executable, "--outputjson"))
    errors = [it for it in found["generalDiagnostics"] if it["severity"] == "error"]
    assert errors == []
    assert found["summary"]["filesAnalyzed"] > 80


def test_all_that_users_see_has_a_type(pyright: Callable[..., str]) -> None:
    completeness = json.loads(pyright("--verifytypes", "pycopg", "--ignoreexternal", "--outputjson"))[
        "typeCompleteness"
    ]
    incomplete = [
        symbol["name"]
        for symbol in completeness["symbols"]
        if symbol["isExported"] and not (symbol["isTypeKnown"] and not symbol["isTypeAmbiguous"])
    ]
    assert [name for name in incomplete if not name.startswith(NOT_OURS)] == []
    assert completeness["exportedSymbolCounts"]["withKnownType"] > 1000


def names_in(body: list[ast.stmt]) -> set[str]:
    found = set()
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def test_the_stubs_name_what_the_module_has() -> None:
    # mypy's stubtest takes nanobind's functions for none.
    stub = ast.parse((PACKAGE / "_native.pyi").read_text())
    public = {name for name in vars(_native) if not name.startswith("__") or name == "__version__"}
    assert names_in(stub.body) == public
    for node in stub.body:
        if isinstance(node, ast.ClassDef):
            ours = {name for name in vars(getattr(_native, node.name)) if name not in INHERITED}
            assert names_in(node.body) - {"__init__"} == ours, node.name


def test_the_package_is_marked_as_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


def documented(stub: ast.Module) -> list[tuple[str, str, str]]:
    found = []
    for node in stub.body:
        for member in node.body if isinstance(node, ast.ClassDef) else []:
            text = ast.get_docstring(member) if isinstance(member, ast.FunctionDef) else None
            if text:
                found.append((node.name, member.name, text))
    return found


@pytest.mark.parametrize(
    ("owner", "name", "text"), documented(ast.parse((PACKAGE / "_native.pyi").read_text())), ids=lambda it: it[:20]
)
def test_help_shows_what_the_stubs_say(owner: str, name: str, text: str) -> None:
    shown = getattr(getattr(_native, owner), name).__doc__
    assert shown is not None
    assert shown.endswith(text)
