"""Runs Django's own tests, which are fetched into build/ and not kept. See `scripts/test-django --help`."""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

import django

import pycopg
from pycopg.django import database

HERE = pathlib.Path(__file__).parent
BUILD = HERE.parents[1] / "build"
ENGINES = {"copg": "pycopg.django", "psycopg": "django.db.backends.postgresql"}
SHORT = (
    "async backends.base backends.postgresql.test_server_side_cursors backends.tests db_utils"
    " postgres_tests.test_array postgres_tests.test_hstore postgres_tests.test_ranges"
    " select_for_update.tests transaction_hooks transactions"
)
LONG = (
    "aggregation aggregation_regress annotations asgi async backends basic bulk_create cache composite_pk constraints"
    " custom_columns custom_pk datatypes datetimes db_functions db_typecasts db_utils dbshell defer delete"
    " distinct_on_fields expressions expressions_case expressions_window field_defaults fixtures foreign_object"
    " from_db_value generic_relations get_or_create handlers indexes inspectdb introspection lookup many_to_many"
    " many_to_one migrate_signals migration_test_data_persistence migrations migrations2 model_fields"
    " model_inheritance model_options nested_foreign_keys null_queries one_to_one or_lookups order_with_respect_to"
    " ordering postgres_tests prefetch_related queries queryset_pickle raw_query reserved_names save_delete_hooks"
    " schema select_for_update select_related serializers servers sites_tests swappable_models test_runner"
    " test_utils timezones transaction_hooks transactions update validation view_tests wsgi xor_lookups"
)
SETTINGS = """
DATABASES = {{
    "default": {entry!r},
    "other": {{**{entry!r}, "TEST": {{"NAME": "test_other"}}}},
}}
SECRET_KEY = "of a test"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.{key}"
USE_TZ = False
"""


class Outcome(NamedTuple):
    run: int
    """How many tests were run."""
    failed: frozenset[str]
    output: str


def fetched() -> pathlib.Path:
    """The folder of the tests that belong to the Django that is installed. OSError if they can't be had."""
    name = f"django-{django.__version__}"
    tests = BUILD / name / "tests"
    if not tests.exists():
        BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
            wanted = ["--no-deps", "--no-binary", "django", f"django=={django.__version__}"]
            done = subprocess.run([*pip, *wanted], cwd=folder, capture_output=True, text=True, check=False)
            archives = list(pathlib.Path(folder).glob("*.tar.gz"))
            if len(archives) != 1:
                raise OSError(f"the sources of {name} can't be fetched:\n{done.stderr}")
            subprocess.run(["tar", "xf", str(archives[0])], cwd=folder, check=True)
            (pathlib.Path(folder) / name).rename(BUILD / name)
    return tests


def run(engine: str, labels: Sequence[str], bind: bool = False, timeout_s: float = 3600) -> Outcome:
    """Runs tests on the server of the environment (DATABASE_URL)."""
    tests = fetched()
    config = pycopg.Config.from_env(load_dotenv_file=False)
    options: dict[str, Any] = {"pool": {"min_size": 0, "max_size": 10, "timeout": 5.0}}
    if bind:
        options["server_side_binding"] = True
    with tempfile.TemporaryDirectory() as folder:
        entry = database(config, ENGINE=ENGINES[engine], OPTIONS=options)
        key = "AutoField" if django.VERSION < (6,) else "BigAutoField"  # as the tests of each version expect it
        text = SETTINGS.format(entry=entry, key=key)
        (pathlib.Path(folder) / "suite_settings.py").write_text(text)
        done = subprocess.run(
            [sys.executable, "runtests.py", "--settings=suite_settings", "--parallel=1", "--noinput", *labels],
            cwd=tests,
            env={**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=timeout_s,
        )
    failed = re.findall(r"^(?:ERROR|FAIL): .*?\(([\w.]+)\)", done.stdout, re.MULTILINE)
    count = re.search(r"^Ran (\d+) tests? in", done.stdout, re.MULTILINE)
    return Outcome(int(count[1]) if count else 0, frozenset(failed), done.stdout)


def listed() -> frozenset[str]:
    """The tests that may fail."""
    rows = (HERE / "failures.md").read_text().splitlines()
    return frozenset(found[1] for row in rows if (found := re.match(r"\| `([\w.]+)`", row)))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--bind", action="store_true")
    parser.add_argument("labels", nargs="*")
    given = parser.parse_args()
    labels = given.labels or (SHORT if given.short else LONG).split()
    outcomes = {}
    for engine in ["copg"] if given.alone else ENGINES:
        outcomes[engine] = outcome = run(engine, labels, given.bind)
        print(f"{ENGINES[engine]}: {outcome.run} tests, {len(outcome.failed)} failed", flush=True)
        if not outcome.run:
            print(outcome.output[-8000:])
            return 1
    ours = outcomes["copg"]
    theirs = frozenset() if given.alone else outcomes["psycopg"].failed
    unexplained = ours.failed - theirs - listed()
    for what, names in [
        ("fails, and is not explained", unexplained),
        ("fails, as listed", (ours.failed - theirs) & listed()),
        ("fails with both", ours.failed & theirs),
        ("fails with psycopg only", theirs - ours.failed),
    ]:
        for name in sorted(names):
            print(f"{name}: {what}")
    if unexplained:
        print(ours.output[-20000:])
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
