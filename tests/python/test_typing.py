"""The types that the package declares: complete, and true of the native module."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys

import pytest

import pycopg
from pycopg import _native

# What every class of nanobind has, and what Shortcut has as any callable descriptor.
INHERITED = {"__doc__", "__module__", "__weakref__", "__nb_signature__", "__dict__", "__new__", "__init__"}
INHERITED |= {"__annotations__", "__call__", "__get__", "__getattribute__", "__repr__", "__vectorcalloffset__"}
HERE = pathlib.Path(__file__).parent
PACKAGE = pathlib.Path(pycopg.__file__).parent


EXAMPLES = HERE.parents[1] / "examples"


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
    files = [path.name for path in (EXAMPLES / example).glob("*.py")]
    assert files
    run("mypy", "--strict", "--no-incremental", *files, cwd=EXAMPLES / example)


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
