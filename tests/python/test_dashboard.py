"""The dashboard and the alerts name metrics that are there, and so does the page that says what they mean."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import pycopg

ROOT = pathlib.Path(__file__).parents[2]
DASHBOARD = ROOT / "docs" / "grafana" / "copg.json"
ALERTS = ROOT / "docs" / "grafana" / "alerts.yml"
PAGE = ROOT / "docs" / "metrics.md"
NAME = re.compile(r"\bcopg_\w+")
LABEL = re.compile(r'(\w+)(?:=~|!=|=)"')


@pytest.fixture(scope="module")
def text(server_url: str) -> str:
    with pycopg.PooledDatabase.from_url(server_url, 1, 1) as db:
        db.execute("SELECT 1")
        return pycopg.prometheus(db)


def of_kind(text: str) -> dict[str, str]:
    return dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))


def expressions() -> list[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [str(it["query"]) for it in dashboard["templating"]["list"] if it["type"] == "query"]
    return queries + re.findall(r"expr: >?-?((?:.|\n)+?)\n\s+for:", ALERTS.read_text())


def samples(text: str) -> set[str]:
    return {re.split(r"[{ ]", line)[0] for line in text.splitlines() if not line.startswith("#")}


def test_every_metric_of_the_dashboard_and_the_alerts_is_there(text: str) -> None:
    named = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(named) > 20
    assert named <= samples(text)


def test_every_label_that_they_ask_for_is_there(text: str) -> None:
    from_prometheus = {"instance", "job"}
    there = set(re.findall(r'[{,](\w+)="', text))
    asked = {label for expression in expressions() for label in LABEL.findall(expression)}
    grouped = {
        it.strip()
        for expression in expressions()
        for by in re.findall(r"by \(([^)]*)\)", expression)
        for it in by.split(",")
    }
    assert asked | grouped <= there | from_prometheus


def test_values_of_labels_that_they_ask_for_exist(text: str) -> None:
    for expression in expressions():
        for label, value in re.findall(r'(state|error|reason|cause|phase)!?="(\w+)"', expression):
            assert f'{label}="{value}"' in text, expression


def test_the_page_has_each_metric_and_no_other(text: str) -> None:
    rows = dict(re.findall(r"^\| `(copg_\w+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE))
    assert rows == of_kind(text)


def test_every_statistic_is_a_metric_or_part_of_one(server_url: str) -> None:
    """A new field of the statistics must go somewhere."""
    elsewhere = {
        "pool_size": "copg_connections",
        "runs_largest": "copg_runs_total",  # a maximum can't be added up over processes
        "requests_errors": "copg_requests_failed_total",
        "requests_wait_ms": "copg_wait_seconds",
        "usage_ms": "copg_use_seconds",
        "connections_ms": "copg_connect_seconds",
        "connections_detached": 'copg_connections_closed_total{pool="x",reason="detached"}',
        "resets_num": "copg_reset_seconds",
    }
    with pycopg.PooledDatabase.from_url(server_url, 1, 1, name="x") as db:
        stats, text = set(db.stats), pycopg.prometheus(db)
    assert all(name in text for name in elsewhere.values())
    source = (ROOT / "src" / "engine" / "prometheus.cpp").read_text()
    written = set(re.findall(r"\bstats\.(\w+)", source))
    assert stats - set(elsewhere) == written


def promtool() -> str:
    found = os.environ.get("COPG_PROMTOOL") or shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not here (Debian: the package prometheus, or COPG_PROMTOOL)")
    return found


def test_promtool_has_nothing_to_say_of_the_metrics(text: str) -> None:
    told = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


def test_promtool_has_nothing_to_say_of_the_alerts() -> None:
    told = subprocess.run([promtool(), "check", "rules", str(ALERTS)], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "5 rules found" in told.stdout
