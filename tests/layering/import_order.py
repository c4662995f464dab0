"""Whether the modules of pycopg import each other in one direction, what only type checkers import included.

usage: import_order.py FOLDER
"""

from __future__ import annotations

import ast
import graphlib
import pathlib
import sys


def imported(text: str, package: str = "") -> set[str]:
    """The modules that a file imports, at its top, in a function, or for type checkers.

    `package`: where the file is within pycopg: empty, or a package of it with a dot at the end, such as "testing.".
    """
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = package.split(".")[: -node.level]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found |= {".".join([*above, name]) for name in names}
    return found


def package_of(module: str) -> str:
    return "".join(f"{name}." for name in module.split(".")[:-1])


def circle(files: dict[str, str]) -> list[str]:
    """Modules each of which imports the next, the last one the first; empty if there is none."""
    try:
        graph = {module: imported(text, package_of(module)) for module, text in files.items()}
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(reversed(error.args[1]))
    return []


def main(root: pathlib.Path) -> int:
    # A stub comes after the module: its imports count, too.
    files: dict[str, str] = {}
    package = root / "python/pycopg"
    for path in sorted(package.rglob("*.py*")):
        if path.suffix in (".py", ".pyi"):
            module = ".".join(path.relative_to(package).with_suffix("").parts)
            files[module] = files.get(module, "") + path.read_text()
    found = circle(files)
    print(" imports ".join(found) or f"{len(files)} modules import in one direction")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
