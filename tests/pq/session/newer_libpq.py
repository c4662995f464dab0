"""Runs a test program with the libpq 17 or later that the newest psycopg-binary wheel carries, in place of the system's.

Skipped, and says why, when the wheel can't be had. The wheel is kept in the folder given, so it is fetched once per build.

usage: newer_libpq.py PROGRAM FOLDER [ARGUMENT...]
"""

import os
import pathlib
import re
import subprocess
import sys
import zipfile

from pypi_wheel import fetch, skip


def libraries(wheel: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    found = folder / "psycopg_binary.libs"
    names = [path.name for path in found.glob("libpq-*.so.5.*")]
    if not names or int(re.sub(r".*\.so\.5\.", "", names[0])) < 17:
        skip(f"the wheel has no libpq 17 or later: {names}")
    link = found / "libpq.so.5"
    link.unlink(missing_ok=True)
    link.symlink_to(names[0])
    return found


def main() -> None:
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    path = libraries(fetch("psycopg-binary", folder, timeout_s=60), folder)
    environment = {**os.environ, "LD_LIBRARY_PATH": str(path)}
    loaded = subprocess.run(["ldd", program], env=environment, check=True, capture_output=True, text=True).stdout
    if str(path / "libpq.so.5") not in loaded:
        sys.exit(f"{program} was not loaded with {path}:\n{loaded}")
    sys.exit(subprocess.run([program, *sys.argv[3:]], env=environment, check=False).returncode)


main()
