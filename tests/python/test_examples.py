"""The FastAPI and the Flask example as whole products: copied out of the project, with their own tests and containers.

There is no Docker here: of the containers it is checked that their files say what the project, the programs and each
other say. test_services.py runs the services by the commands of their Dockerfiles.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
from importlib import metadata
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from service import EXAMPLES

FOLDERS = ["fastapi_users", "flask_users"]
TESTS_TIMEOUT_S = 120
IGNORED = shutil.ignore_patterns("__pycache__", ".*_cache", "*.whl")
# What compose.yaml may say of a service: https://github.com/compose-spec/compose-spec, the part that is used here.
KEYS = {"build", "command", "configs", "depends_on", "environment", "healthcheck", "image", "ports", "restart"}
KEYS |= {"stop_grace_period", "volumes"}
# Read by programs that are not ours: PostgreSQL's image, Python, uvicorn, gunicorn, libpq.
OF_OTHERS = r"POSTGRES_\w+|PYTHON\w+|UVICORN_\w+|WEB_CONCURRENCY|PG\w+"


def dockerfile(folder: str) -> list[tuple[str, str]]:
    """Its instructions, with what they are given, on one line each."""
    text = re.sub(r"^#.*\n", "", (EXAMPLES / folder / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in lines if line)]


def compose(folder: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((EXAMPLES / folder / "compose.yaml").read_text())
    return read


def sources(folder: str) -> str:
    return "".join(path.read_text() for path in sorted((EXAMPLES / folder).glob("*.py")))


def environment_of(folder: str) -> dict[str, str]:
    """Of the container."""
    return dict(pair.split("=", 1) for word, rest in dockerfile(folder) if word == "ENV" for pair in rest.split())


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_copy_passes_its_own_tests(folder: str, server_url: str, tmp_path: pathlib.Path) -> None:
    copied = shutil.copytree(EXAMPLES / folder, tmp_path / folder, ignore=IGNORED)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    environment |= {"COPG_TEST_URL": server_url}
    tests = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=copied,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TESTS_TIMEOUT_S,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert "skipped" not in tests.stdout


@pytest.mark.usefixtures("schema")
@pytest.mark.parametrize("folder", FOLDERS)
def test_what_its_image_contains_is_enough(folder: str, server_url: str, tmp_path: pathlib.Path) -> None:
    left_out = (EXAMPLES / folder / ".dockerignore").read_text().split()
    copied = shutil.copytree(EXAMPLES / folder, tmp_path / folder, ignore=shutil.ignore_patterns(*left_out))
    assert not (copied / "tests").exists()
    environment = {**os.environ, "DATABASE_URL": server_url}

    def said(*arguments: str) -> str:
        command = [sys.executable, "-B", *arguments]
        return subprocess.run(
            command, cwd=copied, env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=60
        ).stdout

    assert said("migrate.py") == "migrate.py: 0001_users.sql, 0002_first_users.sql\n"
    assert said("migrate.py") == "migrate.py: nothing to do\n"
    assert said("-c", "import app") == ""


def test_the_parts_that_both_have_are_the_same() -> None:
    for name in ("migrate.py", "tests/test_migrate.py", "migrations/0001_users.sql", ".dockerignore"):
        first, second = ((EXAMPLES / folder / name).read_text() for folder in FOLDERS)
        assert first == second, name


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_requirements_are_met_by_what_is_tested(folder: str) -> None:
    lines = (EXAMPLES / folder / "requirements.txt").read_text().split("\n")
    requirements = [Requirement(line) for line in lines if line]
    assert "copg" in [requirement.name for requirement in requirements]
    for requirement in requirements:
        assert requirement.specifier.contains(metadata.version(requirement.name)), requirement


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_dockerfile_agrees_with_the_program(folder: str) -> None:
    instructions = dockerfile(folder)
    (base,) = [rest for word, rest in instructions if word == "FROM"]
    version = re.fullmatch(r"python:(3\.\d+)-slim-\w+", base)
    assert version is not None
    assert SpecifierSet(metadata.metadata("copg")["Requires-Python"]).contains(version[1])
    words = [word for word, _ in instructions]
    assert words[-1] == "CMD"
    assert words.index("USER") < words.index("CMD"), "it would run as root"
    for name in environment_of(folder):
        assert re.fullmatch(OF_OTHERS, name) or f'"{name}"' in sources(folder), f"{name} is read by nobody"
    (health,) = [rest for word, rest in instructions if word == "HEALTHCHECK"]
    (port,) = set(re.findall(r"127\.0\.0\.1:(\d+)/live", health))
    (exposed,) = [rest.split() for word, rest in instructions if word == "EXPOSE"]
    assert port in exposed
    assert any(value.endswith(port) for value in environment_of(folder).values()), "it listens elsewhere"


@pytest.mark.parametrize("folder", FOLDERS)
def test_compose_agrees_with_the_dockerfile_and_the_program(folder: str) -> None:
    project = compose(folder)
    assert set(project) == {"name", "services", "configs", "volumes"}
    services = project["services"]
    for name, service in services.items():
        assert set(service) <= KEYS, name
        assert set(service.get("depends_on", ())) <= set(services), name
    for name in services["service"]["environment"]:
        assert re.fullmatch(OF_OTHERS, name) or f'"{name}"' in sources(folder), f"{name} is read by nobody"
    (published,) = services["service"]["ports"]
    (exposed,) = [rest.split() for word, rest in dockerfile(folder) if word == "EXPOSE"]
    assert published.split(":")[-1] in exposed
    assert services["service"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert (EXAMPLES / folder / services["migrate"]["command"][1]).exists()

    content = project["configs"]["prometheus"]["content"]
    (job,) = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", content))["scrape_configs"]
    if "static_configs" in job:
        first = int(services["service"]["environment"]["MONITOR_PORT"])
        workers = int(services["service"]["environment"]["WEB_CONCURRENCY"])
        (targets,) = [it["targets"] for it in job["static_configs"]]
        assert targets == [f"service:{first + number}" for number in range(workers)]
    else:
        (found,) = job["dns_sd_configs"]
        assert (found["names"], str(found["port"])) == (["service"], published.split(":")[-1])


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_readme_names_each_variable_of_the_program(folder: str) -> None:
    read = set(re.findall(r'environ\.get\("(\w+)"', sources(folder)))
    named = set(re.findall(r"`([A-Z_]+)`", (EXAMPLES / folder / "README.md").read_text()))
    assert read <= named
