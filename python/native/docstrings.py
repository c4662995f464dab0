"""Writes the docstrings of _native.pyi as constants for C++, so that `help` shows what editors show.

usage: docstrings.py STUB HEADER. A docstring of Pool.execute becomes `doc::Pool_execute`.
"""

from __future__ import annotations

import ast
import pathlib
import sys
from collections.abc import Iterator


def documented(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """What has a docstring, and that: functions, properties, and attributes with a string behind them."""
    for node, following in zip(body, [*body[1:], ast.Pass()]):
        if isinstance(node, ast.FunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node.name, text
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            text = ast.get_docstring(ast.Module([following], []))
            if text:
                yield node.target.id, text


def header(stub: str) -> str:
    lines = [
        "// Made by docstrings.py from _native.pyi.",
        "#pragma once",
        "",
        "namespace copg::python::doc {",
        "",
    ]
    for node in ast.parse(stub).body:
        if isinstance(node, ast.ClassDef):
            lines += [
                f'inline constexpr char {node.name}_{name}[] = R"doc({text})doc";'
                for name, text in documented(node.body)
            ]
    return "\n".join([*lines, "", "}  // namespace copg::python::doc", ""])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    stub, made = map(pathlib.Path, sys.argv[1:])
    made.write_text(header(stub.read_text(encoding="utf-8")), encoding="utf-8")
