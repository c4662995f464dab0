"""Compares Debian's packaging with what `cmake --install` installs: each file is in one package, and no line of a
package names nothing; the versions are the project's.

usage: debian.py PACKAGING BUILD VERSION LIBDIR CMAKE
"""

from __future__ import annotations

import fnmatch
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator


def lines_of(packaging: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Each line of the packages' lists, with the list's name."""
    for listed in sorted(packaging.glob("*.install")):
        for line in listed.read_text(encoding="utf-8").split():
            yield listed.name, line


def matches(path: str, line: str) -> bool:
    return fnmatch.fnmatchcase(path, line) or path.startswith(line + "/") or fnmatch.fnmatchcase(path, line + "/*")


def complaints_about_files(packaging: pathlib.Path, paths: set[str], libdir: str) -> Iterator[str]:
    lines = [(name, line.replace("usr/lib/*/", f"usr/{libdir}/")) for name, line in lines_of(packaging)]
    for path in sorted(paths):
        found = {name for name, line in lines if matches(path, line)}
        if len(found) != 1:
            yield f"{path} is in {' and '.join(sorted(found)) or 'no package'}"
    for name, line in lines:
        if not any(matches(path, line) for path in paths):
            yield f"{name}: nothing is installed as {line}"


def complaints_about_versions(packaging: pathlib.Path, version: str) -> Iterator[str]:
    first = (packaging / "changelog").read_text(encoding="utf-8").partition("\n")[0]
    if not first.startswith(f"copg ({version}-"):
        yield f"changelog: its newest version is not {version}: {first}"
    library = "libcopg" + ".".join(version.split(".")[:2])
    packages = re.findall(r"^Package: (.*)$", (packaging / "control").read_text(encoding="utf-8"), re.MULTILINE)
    if library not in packages:
        yield f"control: the library's package is not {library}, after its SONAME"


def main(packaging: pathlib.Path, build: str, version: str, libdir: str, cmake: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([cmake, "--install", build, "--prefix", f"{folder}/usr"], check=True, stdout=subprocess.DEVNULL)
        root = pathlib.Path(folder)
        paths = {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}
    found = [*complaints_about_files(packaging, paths, libdir), *complaints_about_versions(packaging, version)]
    print("\n".join(found) or f"{len(paths)} files are each in one package")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), *sys.argv[2:]))
