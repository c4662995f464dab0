"""The reference pages of pycopg: which public name stands on which page. mkdocstrings writes them from the sources."""

from __future__ import annotations

import ast
import pathlib

# Titles of pages, and what is on them: public names of the package, and modules.
PAGES: dict[str, str] = {
    "Pools": "PooledDatabase AsyncPooledDatabase pycopg.connect.connect",
    "Connections": "Connection AsyncConnection Transaction AsyncTransaction ConnectionInfo TransactionStatus",
    "Cursors": "Cursor AsyncCursor ServerCursor AsyncServerCursor Column Notice",
    "Streams, COPY, pipelines": "RowStream AsyncRowStream Copy AsyncCopy Answer",
    "Listeners": "Listener AsyncListener Notification Gap",
    "Configuration, deadlines": "Config Deadline",
    "Looking on": "LeaseInfo WaiterInfo PoolMetrics Histogram SizeAdvice Monitor monitor prometheus",
    "Errors": "Error DatabaseError InterfaceError DataError IntegrityError InternalError NotSupportedError "
    "OperationalError ProgrammingError Warning PoolTimeout PoolDeadlock TooManyRequests PoolClosed QueryTimeout "
    "CommitUnknown ConfigurationError Diagnostic",
    "Types": "Json Jsonb Range pycopg.types",
    "Rows": "pycopg.rows",
    "SQL": "pycopg.sql",
    "OpenTelemetry": "pycopg.otel",
}
# PEP 249's, which are other names of classes and functions of Python, and what is here by the name of its module.
OF_PEP_249 = (
    "BINARY DATETIME NUMBER ROWID STRING Binary Date DateFromTicks Time TimeFromTicks Timestamp TimestampFromTicks"
)
NOT_HERE = {
    *OF_PEP_249.split(),
    "PROMETHEUS_CONTENT_TYPE",
    "connect",
    "apilevel",
    "threadsafety",
    "paramstyle",
    "errors",
    "rows",
    "sql",
}


def public_names(package: pathlib.Path) -> set[str]:
    for node in ast.parse((package / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return {str(name) for name in ast.literal_eval(node.value)}
    raise SystemExit(f"{package}: no __all__")


def pages(root: pathlib.Path) -> dict[str, str]:
    """Places on the site, and texts."""
    listed = {name for names in PAGES.values() for name in names.split() if "." not in name}
    public = public_names(root / "python/pycopg") - NOT_HERE
    if listed != public:
        raise SystemExit(f"python_reference.py: no page, or no name: {', '.join(sorted(listed ^ public))}")
    found = {}
    for title, names in PAGES.items():
        text = f"# {title}\n\nFrom the sources of pycopg.\n"
        for name in names.split():
            text += f"\n::: {name if '.' in name else 'pycopg.' + name}\n"
            if "." not in name and title != "Errors":  # each would have all that their base has
                text += "    options:\n      inherited_members: true\n"
        file = title.lower().replace(",", "").replace(" ", "-")
        found[f"reference/python/{file}.md"] = text
    return found
