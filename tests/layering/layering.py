"""Which layer may include what: the picture in ARCHITECTURE.md, as a check.

usage: layering.py FOLDER
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)

ASIO = r"boost/asio(/|\.hpp$)"
LIBPQ = r"(lib)?pq-|postgres_ext\.h|pg_config"
# What a file below a folder must not include, as a regular expression on the included path.
FORBIDDEN = {
    "include/copg": rf"{LIBPQ}|{ASIO}|fmt/|(pool|error|config|codec|sql|pq|engine|sync|async)/",
    "src/error": rf"{LIBPQ}|{ASIO}|fmt/|(pool|config|codec|sql|pq|engine|sync|async)/",
    "src/config": rf"{LIBPQ}|{ASIO}|(pool|codec|sql|pq|engine|sync|async)/",
    "src/codec": rf"{LIBPQ}|{ASIO}|(pool|config|sql|pq|engine|sync|async)/",
    "src/sql": rf"{LIBPQ}|boost/|fmt/|copg/|(pool|error|config|codec|pq|engine|sync|async)/",
    "src/pq": rf"{ASIO}|(pool|config|engine|sync|async)/",
    "src/engine": r"(sync|async)/",
    "src/sync": rf"{ASIO}|(pool|async)/",
    "src/async": r"(pool|sync)/",
    "python": rf"{ASIO}|(pool|async)/",
    "sim": rf"{LIBPQ}|{ASIO}|(error|config|codec|sql|pq|engine|sync|async)/",
}
# The pool core is stricter: what it may include besides the standard library, which has no dot and no slash.
POOL_ALLOWED = re.compile(r"pool/|copg/(pool_stats|close_reason)\.hpp$|[a-z_0-9]+$")
# The only public headers of Asio's users.
ASYNC_HEADERS = re.compile(r"include/copg/(detail/)?async")


def complaints(name: str, text: str) -> list[str]:
    """What is wrong with the includes of the file `name` (relative, with slashes)."""
    result = []
    for _, path in INCLUDE.findall(text):
        if name.startswith("src/pool/") and not POOL_ALLOWED.match(path):
            result.append(f"{name}: the pool core must not include {path}")
        for folder, forbidden in FORBIDDEN.items():
            if not name.startswith(folder + "/") or not re.match(forbidden, path):
                continue
            if ASYNC_HEADERS.match(name) and re.match(ASIO, path):
                continue
            result.append(f"{name}: {folder} must not include {path}")
    return result


def main(root: pathlib.Path) -> int:
    found, count = [], 0
    for folder in ("include", "src", "sim", "python"):
        for path in sorted((root / folder).rglob("*.[hc]pp")):
            count += 1
            found += complaints(path.relative_to(root).as_posix(), path.read_text())
    print("\n".join(found) or f"{count} files are fine")
    return 1 if found or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
