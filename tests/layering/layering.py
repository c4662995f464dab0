"""Which layer may use what: the table in ARCHITECTURE.md against CMake's links, the includes, and the picture above it.

usage: layering.py FOLDER
"""

from __future__ import annotations

import pathlib
import re
import sys
from dataclasses import dataclass

PAGE = "ARCHITECTURE.md"
PICTURE = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)
# A row of the table: a folder, what it is, what it links, what it must not do.
ROW = re.compile(r"^\| `(src/\w+|include/copg|python/native|sim|sim/engine)/` \|[^|\n]*\|([^|\n]*)\|[^|\n]*\|$", re.MULTILINE)
LAYER = re.compile(r"\bcopg_add_layer\(\s*(\w+)([^)]*)\)")
MODULE = re.compile(r"\btarget_link_libraries\(_native PRIVATE([^)]*)\)")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)

# Libraries of others: as the table calls them, what CMake calls them, and what their headers' paths begin with.
LIBRARIES = {
    "libpq": ("PostgreSQL::PostgreSQL", r"(lib)?pq-|postgres_ext\.h|pg_config"),
    "Asio": ("Boost::headers", r"boost/asio(/|\.hpp$)"),
    "Boost": ("Boost::headers", r"boost/"),
    "fmt": ("fmt::fmt-header-only", r"fmt/"),
    "threads": ("Threads::Threads", r"(?!)"),
}
# What a layer that links nothing may include besides its own files and the standard library, whose headers have no dot
# and no slash.
ALONE = {"pool": r"copg/(pool_stats|close_reason|histogram|counts_by)\.hpp$", "error": r"copg/", "sql": r"(?!)"}
STANDARD = re.compile(r"[a-z_0-9]+$")
# The only public headers of Asio's users.
ASYNC_HEADERS = re.compile(r"include/copg/(detail/|testing/)?async")


@dataclass
class Plan:
    """The table: what each folder links, layers (named without src/) and libraries of others."""

    links: dict[str, set[str]]

    @classmethod
    def read(cls, page: str) -> Plan:
        return cls({
            folder.removeprefix("src/"): {used.strip() for used in cell.split(",") if used.strip()}
            for folder, cell in ROW.findall(page)
        })

    def layers(self) -> list[str]:
        """The folders of src/."""
        return [folder for folder in self.links if folder not in ("include/copg", "python/native", "sim", "sim/engine")]

    def named(self, include: str) -> str | None:
        """What an included path belongs to; None: the standard library, the system, the public headers."""
        folder = include.partition("/")[0]
        if "/" in include and folder in self.layers():
            return folder
        return next((name for name, (_, header) in LIBRARIES.items() if re.match(header, include)), None)

    def owner(self, name: str) -> str | None:
        folders = (folder for folder in self.links if name.removeprefix("src/").startswith(folder + "/"))
        return next(folders, None)

    def complaints(self, name: str, text: str) -> list[str]:
        """What is wrong with the includes of the file `name` (relative, with slashes)."""
        owner = self.owner(name)
        if owner is None:
            return []
        allowed = self.links[owner] | {owner} | ({"Asio"} if ASYNC_HEADERS.match(name) else set())
        result = []
        for include in INCLUDE.findall(text):
            used = self.named(include)
            if used is None and owner in ALONE:
                allowed_here = bool(STANDARD.match(include) or re.match(ALONE[owner], include))
            else:
                allowed_here = used is None or used in allowed
            if not allowed_here:
                result.append(f"{name}: {owner} must not include {include}")
        return result

    def compared(self, layer: str, linked: str) -> list[str]:
        """What CMake links, a list of targets, against the row."""
        targets = {target.removeprefix("copg_") for target in linked.split()}
        wanted = {LIBRARIES[used][0] if used in LIBRARIES else used for used in self.links.get(layer, set())}
        return [f"{layer} links {target}, which {PAGE} does not say" for target in sorted(targets - wanted)] + [
            f"{layer} does not link {target}, as {PAGE} says" for target in sorted(wanted - targets)
        ]

    def misdrawn(self, page: str) -> list[str]:
        """Links that do not lead downwards in the picture."""
        picture = PICTURE.search(page)
        height: dict[str, int] = {}
        for depth, line in enumerate(picture[1].splitlines() if picture else ()):
            for folder in self.links:
                if re.search(rf"(?<![\w/]){folder}/", line):
                    height.setdefault(folder, depth)
        drawn = (*self.layers(), "python/native")
        return [f"{folder} is missing in the picture of {PAGE}" for folder in drawn if folder not in height] + [
            f"{folder} links {used}, which the picture does not draw below it"
            for folder in drawn
            for used in sorted(self.links[folder] - {*LIBRARIES})
            if height.get(folder, 0) >= height.get(used, 99)
        ]


def main(root: pathlib.Path) -> int:
    page = (root / PAGE).read_text()
    plan = Plan.read(page)
    found, count = plan.misdrawn(page), 0
    for path in sorted((root / "src").glob("*/CMakeLists.txt")):
        for layer, arguments in LAYER.findall(path.read_text()):
            found += plan.compared(layer, arguments.partition("LINKS")[2])
            count += 1
    if count != len(plan.layers()):
        found.append(f"{PAGE} has {len(plan.layers())} layers, src/ has {count}")
    for linked in MODULE.findall((root / "python/native/CMakeLists.txt").read_text()):
        found += plan.compared("python/native", linked)
    for folder in ("include", "src", "sim", "python"):
        for path in sorted((root / folder).rglob("*.[hc]pp")):
            count += 1
            found += plan.complaints(path.relative_to(root).as_posix(), path.read_text())
    print("\n".join(found) or f"{count} files are fine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
