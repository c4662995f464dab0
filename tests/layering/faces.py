"""Compares the public names of the four faces with the tables of docs/reference/faces.md, which says how to read them.

usage: faces.py FOLDER

Reads the sources alone: public headers, and the modules of pycopg with the stub of the native one. For Python,
tests/python/test_faces.py shows that a program sees the same names.
"""

from __future__ import annotations

import ast
import pathlib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

PAGE = "docs/reference/faces.md"
FACES = 4
ABSENT, SAME = "—", "yes"

# What the tables must compare at least; a table may be added on the page alone.
COMPARED = (
    ("copg::PooledDatabase", "copg::AsyncPooledDatabase", "pycopg.PooledDatabase", "pycopg.AsyncPooledDatabase"),
    ("copg::Connection", "copg::AsyncConnection", "pycopg.Connection", "pycopg.AsyncConnection"),
    (
        "copg::DatabaseWithin",
        "copg::AsyncDatabaseWithin",
        "pycopg.PooledDatabase(timeout=)",
        "pycopg.AsyncPooledDatabase(timeout=)",
    ),
    (
        "copg::ConnectionWithin",
        "copg::AsyncConnectionWithin",
        "pycopg.Connection(timeout=)",
        "pycopg.AsyncConnection(timeout=)",
    ),
    ("copg::Transaction", ABSENT, "pycopg.Transaction", "pycopg.AsyncTransaction"),
    (ABSENT, ABSENT, "pycopg.Cursor", "pycopg.AsyncCursor"),
    ("copg::PoolOptions", "copg::PoolOptions", "pycopg.PooledDatabase()", "pycopg.AsyncPooledDatabase()"),
)


# C++


def without_comments(text: str) -> str:
    """The code, without preprocessor lines, and with strings emptied."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', re.sub(r"^\s*#[^\n]*", "", text, flags=re.MULTILINE))


def end_of_braces(text: str, start: int) -> int:
    """The place behind the brace that closes the one at `start`."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at + 1
    raise ValueError("a brace is not closed")


def members(body: str, public: bool) -> Iterator[str]:
    """The public declarations of a class, without bodies and initializers in braces."""
    at, depth, declaration = 0, 0, ""
    while at < len(body):
        access = re.compile(r"(public|protected|private)\s*:(?!:)").match(body, at)
        if access and not declaration.strip():
            public, at = access[1] == "public", access.end()
            continue
        letter = body[at]
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "{":
            at = end_of_braces(body, at)
            if depth == 0 and "(" in without_templates(declaration):  # a function's body
                if public:
                    yield declaration
                declaration = ""
            continue
        if letter == ";" and depth == 0:
            if public:
                yield declaration
            declaration = ""
        else:
            declaration += letter
        at += 1


def without_templates(declaration: str) -> str:
    declaration = re.sub(r"\[\[.*?\]\]", "", declaration.replace("->", " "), flags=re.DOTALL)
    while True:
        shorter = re.sub(r"<[^<>]*>", "", declaration)
        if shorter == declaration:
            return declaration
        declaration = shorter


def declared_name(declaration: str, of: str) -> str | None:
    """What a member's declaration adds to the names of its class, if anything."""
    text = without_templates(declaration).strip()
    text = re.sub(r"^template\s+", "", text)
    if re.match(r"friend\b", text) or re.search(r"\boperator\b|~|=\s*delete$", text):
        return None
    using = re.match(r"using\s+(?:\w+::)*(\w+)(\s*=)?", text)
    if using:
        return None if using[2] else using[1]  # an alias is Asio's way to ask for a type
    nested = re.match(r"(?:class|struct|enum(?: class)?)\s+(\w+)", text)
    if nested:
        return nested[1]
    function = re.search(r"(\w+)\s*\(", text)
    field = re.search(r"(\w+)\s*(?:=.*)?$", text, flags=re.DOTALL)
    found = function or field
    return None if found is None or found[1] == of else found[1]


def names_in_cpp(sources: Iterable[str], name: str) -> set[str]:
    """The public names of a class, those of its bases included. LookupError if there is no such class."""
    sources = list(sources)
    for code in map(without_comments, sources):
        found = re.search(rf"\b(class|struct)\s+{name}\b\s*(?:final\s*)?(:[^;{{]*)?\{{", code)
        if found is None:
            continue
        body = code[found.end() : end_of_braces(code, found.end() - 1) - 1]
        names = {declared_name(it, name) for it in members(body, found[1] == "struct")} - {None}
        for base in re.findall(r"public\s+(?:\w+::)*(\w+)", found[2] or ""):
            names |= names_in_cpp(sources, base)
        return {it for it in names if it is not None}
    raise LookupError(f"no header has the class {name}")


# Python


@dataclass
class Module:
    tree: ast.Module
    is_stub: bool

    def classes(self) -> dict[str, ast.ClassDef]:
        """By name; those that only type checkers see win."""
        found: dict[str, ast.ClassDef] = {}
        for node in self.tree.body:
            inner = node.body if isinstance(node, ast.If) else [node]
            found.update({it.name: it for it in inner if isinstance(it, ast.ClassDef)})
        return found


Modules = dict[str, Module]
Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def read_package(folder: pathlib.Path) -> Modules:
    return {
        path.stem: Module(ast.parse(path.read_text(encoding="utf-8")), path.suffix == ".pyi")
        for path in (*sorted(folder.glob("*.py")), *sorted(folder.glob("_native.pyi")))
    }


def lineage(modules: Modules, where: str, name: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """The class and those that it derives from, with their modules. Nothing for classes of others."""
    here = modules[where].classes()
    if name not in here:
        for node in modules[where].tree.body:
            if isinstance(node, ast.ImportFrom) and any(it.name == name for it in node.names) and node.module in modules:
                yield from lineage(modules, node.module, name)
                return
        return
    yield where, here[name]
    for written in here[name].bases:
        base = written.value if isinstance(written, ast.Subscript) else written  # of a generic class
        if isinstance(base, ast.Name):
            yield from lineage(modules, where, base.id)
        elif isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name) and base.value.id in modules:
            yield from lineage(modules, base.value.id, base.attr)


def class_in_python(modules: Modules, name: str) -> list[ast.ClassDef]:
    """The class and its bases. LookupError if the package does not export one of that name."""
    found = [node for _, node in lineage(modules, "__init__", name)]
    if not found:
        raise LookupError(f"pycopg has no class {name}")
    return found


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield from statements(node.body) if isinstance(node, ast.If) else (node,)


def targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.AnnAssign):
        return [node.target]
    return node.targets if isinstance(node, ast.Assign) else []


def names_in_python(classes: list[ast.ClassDef]) -> set[str]:
    """Methods, properties, and attributes that the class or an object of it has."""
    names = set()
    for node in classes:
        for member in statements(node.body):
            if isinstance(member, Function):
                names.add(member.name)
                own = [it for inner in ast.walk(member) for it in targets(inner) if isinstance(it, ast.Attribute)]
                names |= {it.attr for it in own if isinstance(it.value, ast.Name) and it.value.id == "self"}
            names |= {it.id for it in targets(member) if isinstance(it, ast.Name)}
    return {it for it in names if not it.startswith("_")}


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [it.arg for it in (*function.args.args, *function.args.kwonlyargs)][1:]


def methods(classes: list[ast.ClassDef]) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Each with its name, also with a second one that it is given (`fetch_all = execute`)."""
    for node in classes:
        members = list(statements(node.body))
        own = {it.name: it for it in members if isinstance(it, Function)}
        yield from own.items()
        for member in members:
            if isinstance(member, ast.Assign) and isinstance(member.value, ast.Name) and member.value.id in own:
                yield from ((it.id, own[member.value.id]) for it in member.targets if isinstance(it, ast.Name))


# The tables


class Faces:
    """The names that the sources give the faces."""

    def __init__(self, root: pathlib.Path) -> None:
        self.headers = [path.read_text(encoding="utf-8") for path in sorted(root.glob("include/copg/**/*.hpp"))]
        self.modules = read_package(root / "python" / "pycopg")
        self.testing = read_package(root / "python" / "pycopg" / "testing")

    def names(self, of: str) -> set[str]:
        """`of`: what heads a column, such as copg::Connection, pycopg.Connection, or
        pycopg.Connection(timeout=): the methods with this parameter; pycopg.PooledDatabase(): its constructor's
        parameters."""
        if of == ABSENT:
            return set()
        if of.startswith("copg::"):
            return names_in_cpp(self.headers, of.rpartition("::")[2])
        found = re.fullmatch(r"pycopg\.(?:testing\.)?(\w+)(?:\((?:(\w+)=)?\))?", of)
        if found is None:
            raise LookupError(f"'{of}' heads a column")
        classes = class_in_python(self.testing if of.startswith("pycopg.testing.") else self.modules, found[1])
        if not of.endswith(")"):
            return names_in_python(classes)
        if found[2] is None:
            return set(parameters(next(function for name, function in methods(classes) if name == "__init__")))
        taking = {name for name, function in methods(classes) if found[2] in parameters(function)}
        return {name for name in taking if not name.startswith("_")}


@dataclass
class Table:
    line: int
    heads: tuple[str, ...]
    rows: list[tuple[int, list[str]]]


def cells(line: str) -> list[str]:
    return [it.strip() for it in line.strip().strip("|").split("|")]


def tables_of(page: str) -> Iterator[Table]:
    """Those that compare faces."""
    lines = page.splitlines()
    for number, line in enumerate(lines):
        heads = tuple(it.strip("`") for it in cells(line)[1 : FACES + 1])
        if number + 1 < len(lines) and lines[number + 1].startswith("|---") and "copg" in "".join(heads):
            rows = []
            for below in range(number + 2, len(lines)):
                if not lines[below].startswith("|"):
                    break
                rows.append((below + 1, cells(lines[below])))
            yield Table(number + 1, heads, rows)


def names_in_cell(cell: str, name: str) -> set[str] | None:
    """None: the cell says nothing that can be read."""
    if cell in (ABSENT, SAME):
        return {name} if cell == SAME else set()
    return set(re.findall(r"`(\w+)`", cell)) if re.fullmatch(r"`\w+`(, `\w+`)*", cell) else None


def complaints_about(table: Table, faces: Faces) -> Iterator[str]:
    """Where the table and the sources differ."""
    said: list[dict[str, int]] = [{} for _ in range(FACES)]
    for line, row in table.rows:
        place = f"{PAGE}:{line}"
        if len(row) != FACES + 2:
            yield f"{place}: {len(row)} cells in place of {FACES + 2}"
            continue
        name, reason = row[0].strip("`"), row[-1]
        for face, cell in enumerate(row[1:-1]):
            names = names_in_cell(cell, name)
            if names is None:
                yield f"{place}: '{cell}' is neither `{SAME}`, `{ABSENT}`, nor names in backquotes"
            for it in names or ():
                if it in said[face]:
                    yield f"{place}: {table.heads[face]} has `{it}` in line {said[face][it]} already"
                said[face][it] = line
            if cell == ABSENT and table.heads[face] != ABSENT and not reason:
                yield f"{place}: {table.heads[face]} lacks `{name}`, and no reason is given"
    for head, names in zip(table.heads, said):
        try:
            there = faces.names(head)
        except LookupError as error:
            yield f"{PAGE}:{table.line}: {error}"
            continue
        for missing in sorted(there - set(names)):
            yield f"{PAGE}:{table.line}: {head} has `{missing}`, which is in no row: what have the other faces?"
        for gone in sorted(set(names) - there):
            yield f"{PAGE}:{names[gone]}: {head} has no `{gone}`"


def complaints(page: str, faces: Faces) -> list[str]:
    tables = list(tables_of(page))
    found = [f"{PAGE}: no table compares {', '.join(it)}" for it in COMPARED if it not in {t.heads for t in tables}]
    for table in tables:
        found += complaints_about(table, faces)
    return found


def main(root: pathlib.Path) -> int:
    page = (root / PAGE).read_text(encoding="utf-8")
    found = complaints(page, Faces(root))
    print("\n".join(found) or f"{sum(len(it.rows) for it in tables_of(page))} rows are as the sources have it")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
