"""Compares the tests of psycopg_pool that fail with those that the table explains.

usage: compare.py REPORT.xml FAILURES.md
"""

from __future__ import annotations

import pathlib
import re
import sys
from xml.etree import ElementTree


def failed(report: str) -> set[str]:
    """`test_pool.py::test_reset`: what has failed, without the parameters of each case."""
    found = set()
    for case in ElementTree.fromstring(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            module = case.get("classname", "").rpartition(".")[2]
            found.add(f"{module}.py::{case.get('name', '').partition('[')[0]}")
    return found


def explained(page: str) -> dict[str, bool]:
    """Each test of the table, and whether it always fails; a reason that begins with `Sometimes:` says otherwise.

    The modules stand in the second cell of a row.
    """
    found = re.findall(r"^\| `(test_\w+)` \| ([^|]*) \| (\S[^|]*) \|$", page, re.MULTILINE)
    return {
        f"{module}.py::{test}": not reason.startswith("Sometimes:")
        for test, modules, reason in found
        for module in re.findall(r"`(test_\w+)`", modules)
    }


def main(report: pathlib.Path, page: pathlib.Path) -> int:
    text = report.read_text(encoding="utf-8")
    count = len(list(ElementTree.fromstring(text).iter("testcase")))
    have, want = failed(text), explained(page.read_text(encoding="utf-8"))
    gone = {test for test, always in want.items() if always} - have
    for test in sorted(have - set(want)):
        print(f"it fails, and the table does not explain it: {test}")
    for test in sorted(gone):
        print(f"the table explains it, and it passes: {test}")
    print(f"{count} cases ran; {len(have)} tests have failed, of which {len(have & set(want))} are explained")
    return 1 if have - set(want) or gone or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(*map(pathlib.Path, sys.argv[1:3])))
