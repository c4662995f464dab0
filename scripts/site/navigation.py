"""The order of the pages on the site. A page that stands nowhere here has its place at the end of "How to"."""

from __future__ import annotations

import pathlib

import cpp_reference

# Sections, and in them pages by their places on the site, with the titles that they have in the navigation.
# A star stands for all other pages of a folder, with their own titles.
SECTIONS: dict[str, dict[str, str]] = {
    "Start": {
        "index.md": "copg",
        "install.md": "Install",
        "contents.md": "All pages",
        "tutorial/python.md": "Tutorial: Python",
        "tutorial/cpp.md": "Tutorial: C++",
        "python.md": "pycopg, all of it",
        "cpp.md": "copg for C++, all of it",
        "limits.md": "Traps and limits",
        "migrating.md": "From another library",
        "examples.md": "Examples",
    },
    "How to": {
        "howto/fastapi.md": "FastAPI",
        "howto/flask.md": "Flask",
        "django.md": "Django",
        "sqlalchemy.md": "SQLAlchemy",
        "howto/celery.md": "Celery",
        "howto/gunicorn.md": "gunicorn",
        "howto/beast.md": "Boost.Beast",
        "psycopg-pool.md": "psycopg_pool's interface",
        "howto/replicas.md": "Replicas",
        "howto/failover.md": "Failover",
        "howto/pgbouncer.md": "PgBouncer",
        "howto/poolers.md": "Other poolers",
        "howto/passwords.md": "Passwords that change",
        "howto/kubernetes.md": "Kubernetes",
        "testing.md": "Tests",
        "large-results.md": "Large results",
        "copy.md": "COPY",
        "pipelines.md": "Pipelines",
        "notifications.md": "Notifications",
        "sizing.md": "How many connections",
        "*howto/": "",
    },
    "Operate": {
        "troubleshooting.md": "By error text",
        "drill.md": "When the pool runs dry",
        "who-holds-what.md": "Who holds what",
        "metrics.md": "Metrics",
        "monitor.md": "The live page",
        "top.md": "copg top",
        "opentelemetry.md": "OpenTelemetry",
    },
    "Reference": {
        "reference/promises.md": "Promises",
        "reference/options.md": "Options",
        "reference/configuration.md": "Configuration",
        "reference/errors.md": "Errors",
        "reference/types.md": "Types",
        "reference/statistics.md": "Statistics",
        "reference/events.md": "Events",
        "reference/abi.md": "The binary interface",
        "reference/commands.md": "Commands",
        "reference/servers.md": "PostgreSQL and libpq",
        "reference/platforms.md": "Systems and processors",
        "reference/faces.md": "The four faces",
        "reference/invariants.md": "Invariants",
        "*reference/python/": "",
        "*reference/cpp/": "",
        "*reference/": "",
    },
    "Understand": {
        "explanation/round-trips.md": "Round trips",
        "explanation/transactions.md": "Transactions",
        "explanation/deadlines.md": "Deadlines",
        "explanation/bad-days.md": "Bad days",
        "explanation/statement-outcomes.md": "What happens to a statement",
        "explanation/clean-sessions.md": "Clean sessions",
        "explanation/sharing.md": "Sharing",
        "explanation/event-loops.md": "Event loops",
        "explanation/advice.md": "Advice on the size",
        "explanation/pool.md": "The pool core",
        "*explanation/": "",
    },
    "Project": {
        "project/changelog.md": "Changes",
        "project/architecture.md": "Architecture",
        "project/contributing.md": "Contributing",
        "adr/README.md": "Decisions",
        "*adr/": "",
        "*source/": "",
    },
}
REST = "How to"


def title_of(page: pathlib.Path) -> str:
    lines = page.read_text(encoding="utf-8").splitlines()
    return next((line[2:].replace("`", "") for line in lines if line.startswith("# ")), page.stem)


def rank(place: str) -> tuple[int, str]:
    """Sorts pages of a folder; those of headers by what a reader looks for first."""
    name = pathlib.Path(place).stem
    return cpp_reference.FIRST.index(name) if name in cpp_reference.FIRST else 99, place


def of(pages: pathlib.Path) -> list[dict[str, object]]:
    """The navigation as mkdocs wants it."""
    left = {str(page.relative_to(pages)) for page in pages.rglob("*.md")}
    named = {place for section in SECTIONS.values() for place in section}

    def entries(place: str, title: str) -> list[dict[str, object]]:
        if not place.startswith("*"):
            found = [place] if place in left else []  # a page may still have to be written
        else:
            found = sorted((page for page in left - named if page.startswith(place[1:])), key=rank)
        left.difference_update(found)
        listed: list[dict[str, object]] = [{title or title_of(pages / page): page} for page in found]
        folders = {
            "*adr/": "All decisions",
            "*source/": "Sources",
            "*reference/python/": "pycopg",
            "*reference/cpp/": "C++ headers",
        }
        return [{folders[place]: listed}] if place in folders and listed else listed

    navigation = {
        name: [it for place, title in section.items() for it in entries(place, title)]
        for name, section in SECTIONS.items()
    }
    navigation[REST] += [{title_of(pages / page): page} for page in sorted(left)]
    return [{name: section} for name, section in navigation.items()]
