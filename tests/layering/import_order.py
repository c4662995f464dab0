"""Whether the modules of pycopg import each other in one direction, what only type checkers import included.

usage: import_order.py FOLDER
"""

from __future__ import annotations

import ast
import graphlib
import pathlib
import sys


def imported(text: str) -> set[str]:
    """The modules of the package that a file imports, at its top, in a function, or for type checkers."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module.partition(".")[0]} if node.module else {alias.name for alias in node.names}
    return found


def circle(files: dict[str, str]) -> list[str]:
    """Modules each of which imports the next, the last one the first; empty if there is none."""
    try:
        graphlib.TopologicalSorter({module: imported(text) for module, text in files.items()}).prepare()
    except graphlib.CycleError as error:
        return list(reversed(error.args[1]))
    return []


def main(root: pathlib.Path) -> int:
    # A stub comes after the module: its imports count, too.
    files: dict[str, str] = {}
    for path in sorted((root / "python/pycopg").glob("*.py*")):
        if path.suffix in (".py", ".pyi"):
            files[path.stem] = files.get(path.stem, "") + path.read_text()
    found = circle(files)
    print(" imports ".join(found) or f"{len(files)} modules import in one direction")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
