#!/usr/bin/env python3
"""Compares what the shared libraries export with packaging/abi/symbols.txt: the names that programs may link.

usage: symbols.py LIST LIBRARY... [--update] [--help]

A name that is gone breaks programs that were linked before. A new one is added to the list with --update, which writes
it anew. What the compiler may inline or may not (weak symbols) is left out, and so are names in the namespaces of the
layers.

Exit codes: 0 they are the same; 1 they differ; 2 wrong usage.
"""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

# A layer's namespace has the name of its folder. That of src/testing is public.
LAYERS = {it.name for it in (pathlib.Path(__file__).parents[2] / "src").iterdir() if it.is_dir()} - {"testing"}
INTERNAL = re.compile(rf"\bcopg::({'|'.join(sorted(LAYERS))})::")
STRONG = "TBDR"


def exported(library: str) -> set[str]:
    names = subprocess.run(
        ["nm", "--dynamic", "--defined-only", "--demangle", library], check=True, capture_output=True, text=True
    ).stdout
    found = re.findall(rf"^[0-9a-f]+ [{STRONG}] (.*)$", names, re.MULTILINE)
    name = pathlib.Path(library).name.partition(".")[0]
    # The linker's own name for the version, and what a declaration of the interface would not say.
    return {f"{name}: {it.partition('@')[0]}" for it in found if "copg::" in it and not INTERNAL.search(it)}


def main(arguments: list[str]) -> int:
    if "--help" in arguments or "-h" in arguments:
        print((__doc__ or "").strip())
        return 0
    update = "--update" in arguments
    paths = [it for it in arguments if it != "--update"]
    if len(paths) < 2 or any(it.startswith("-") for it in paths):
        print((__doc__ or "").strip(), file=sys.stderr)
        return 2
    kept = pathlib.Path(paths[0])
    there = {name for library in paths[1:] for name in exported(library)}
    if update:
        kept.write_text("".join(f"{name}\n" for name in sorted(there)), encoding="utf-8")
        print(f"{len(there)} names are in {kept} now")
        return 0
    listed = set(kept.read_text(encoding="utf-8").splitlines())
    for name in sorted(listed - there):
        print(f"gone: {name}")
    for name in sorted(there - listed):
        print(f"new: {name}")
    if there == listed:
        print(f"{len(there)} names are as {kept.name} has them")
        return 0
    print("docs/reference/abi.md says what a name that is gone means; --update writes the list anew", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
