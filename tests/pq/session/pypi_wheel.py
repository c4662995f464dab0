"""A wheel from PyPI, for what the distribution has no newer version of. A test that can't have it is skipped, and says why."""

import pathlib
import subprocess
import sys

SKIPPED = 77  # SKIP_RETURN_CODE of the tests


def skip(why: str) -> None:
    print(f"SKIPPED: {why}")
    sys.exit(SKIPPED)


def fetch(package: str, folder: pathlib.Path, timeout_s: int) -> pathlib.Path:
    """The newest wheel of the package. It is kept in the folder, so it is fetched once per build."""
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", package]
        try:
            subprocess.run([*command, "--dest", str(folder)], check=True, timeout=timeout_s)
        except (subprocess.SubprocessError, OSError) as error:
            skip(f"no wheel of {package}: {error}")
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        skip("pip has downloaded nothing")
    return wheels[0]
