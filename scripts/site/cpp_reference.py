"""The reference pages of the C++ interface, one for each public header: its declarations without their bodies, and the
comments above them as text. What is private, and what stands in the namespaces of copg's own, is left out."""

from __future__ import annotations

import pathlib
import re
import textwrap
from dataclasses import dataclass, field

# What comes first in the navigation, in this order; the others follow by their names.
FIRST = [
    *("pooled_database", "connection", "detail-verbs", "transaction"),
    *("async_pooled_database", "async_connection", "detail-async_verbs"),
    *("config", "pool_options", "error", "result", "row"),
]
# Headers of copg's own whose classes' members are the pools' and the connections'.
VERBS = ("detail/verbs.hpp", "detail/async_verbs.hpp")
# Headers that only include others.
LEFT_OUT = {"copg.hpp", "async.hpp", "codec.hpp"}
OURS = re.compile(r"^(inline )?namespace (detail|sync|async|engine|pq|pool|\{)")
NAMESPACE = re.compile(r"(inline )?namespace\b")
SCOPE = re.compile(
    r"^(?:template\s*<.*?>\s*(?:requires.*?\s)?)?(class|struct|enum class|enum|union|concept)\b", re.DOTALL
)


@dataclass
class Section:
    """A heading, the declarations below it, and what is said of them."""

    level: int
    name: str
    code: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        text = prose(self.text)
        first, *rest = self.code
        if rest and SCOPE.match(first) and not first.endswith("{"):  # its fields
            rest = [f"  {line}" for lines in rest for line in lines.splitlines()]
            first, rest = first + " {", [*rest, "};"]
        code = "\n".join([first, *rest]).strip("\n")
        shown = f"\n```cpp\n{code}\n```\n" if code else ""
        return f"\n{'#' * self.level} `{self.name}`\n{shown}" + (f"\n{text}\n" if text else "")


def prose(lines: list[str]) -> str:
    """A comment as Markdown: what is indented is shown as it stands, and < is no tag, outside of code."""
    found: list[str] = []
    fence = shown = False
    for line in lines:
        if line.lstrip().startswith("```"):
            fence = not fence
            line = re.sub(r"^ *```(\w*).*", r"```\1", line)
        as_it_stands = not fence and line.startswith("  ")
        if as_it_stands != shown:
            found += ["", "```text"] if as_it_stands else ["```", ""]
        shown = as_it_stands
        if fence or shown:
            found.append(line)
        else:
            parts = re.split(r"(`[^`\n]*`)", line)
            found.append(
                "".join(it if i % 2 else it.replace("<", "&lt;").replace("*", "\\*") for i, it in enumerate(parts))
            )
    return "\n".join([*found, "```"] if shown else found).strip()


class Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def skip_space(self) -> bool:
        """True if there was an empty line."""
        begin = self.at
        self.at += len(self.text[begin:]) - len(self.text[begin:].lstrip())
        return self.text.count("\n", max(begin - 1, 0), self.at) > 1

    def done(self) -> bool:
        return self.at >= len(self.text)

    def line(self) -> str:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        line, self.at = self.text[self.at : end], end + 1
        return line

    def comment(self) -> list[str]:
        """Lines of comments that follow one another without an empty line."""
        found = []
        while self.text[self.at :].lstrip(" ").startswith("//"):
            found.append(re.sub(r"^\s*///?<? ?", "", self.line()))
        return found

    def declaration(self) -> tuple[str, str]:
        """Up to its ; or {, and what is inside the braces. A comment at the end of its line belongs to it."""
        begin = self.at
        self.skip_to(";{")
        head, inside = self.text[begin : self.at], ""
        if self.text[self.at] == "{":
            opened = self.at
            self.skip_block()
            inside = self.text[opened + 1 : self.at - 1]
            is_body = head.rstrip().endswith((")", "const", "noexcept", "override")) or "(" in head
            if self.text[self.at : self.at + 1] == ";" or not (SCOPE.match(head) or NAMESPACE.match(head) or is_body):
                self.skip_to(";")
                self.at += 1
        else:
            self.at += 1
        return head, inside

    def trailing_comment(self) -> str:
        found = re.match(r"[ \t]*(///?<?.*)", self.text[self.at :])
        if not found:
            return ""
        self.at += found.end()
        return "  " + found[1]

    def skip_to(self, ends: str) -> None:
        depth = 0
        while self.at < len(self.text):
            found = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'|//[^\n]*').match(self.text, self.at)
            if found:
                self.at = found.end()
                continue
            char = self.text[self.at]
            if depth == 0 and char in ends:
                return
            depth += (char in "([{") - (char in ")]}")
            self.at += 1

    def skip_block(self) -> None:
        self.at += 1
        self.skip_to("}")
        self.at += 1


def without_body(head: str) -> str:
    """A function's declaration without what initialises members."""
    return re.sub(r"\)((?:\s*(?:const|noexcept|override))*)\s*:\s[^:].*$", r")\1", head.strip(), flags=re.DOTALL)


def name_of(head: str) -> str:
    """What a declaration declares."""
    head = re.sub(r"^template\s*<(?:[^<>]|<[^<>]*>)*>\s*", "", head.strip())
    head = re.sub(r"^requires\s*\(.*?\)\s", "", re.sub(r"\[\[.*?\]\]\s*", "", head), flags=re.DOTALL)
    if found := re.match(r"(?:class|struct|enum class|enum|union|concept)\s+([\w:]+(?:<.*?>)?)", head):
        return found[1]
    if found := re.search(r"(operator\s*(?:\(\)|[^\s\w(]+|\"\"\s*\w+)|~?\w+)\s*\(", head):
        return found[1]
    if found := re.match(r"using\s+(\w+)\s*=", head):
        return found[1]
    words = re.findall(r"\w+", head.partition("=")[0])
    return words[-1] if words else head


def indented(code: str) -> str:
    """The lines of a declaration, as far to the left as they go."""
    lines = code.strip().splitlines()
    rest = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    cut = max(min(rest, default=0) - (0 if code.lstrip().startswith(("template", "[[")) else 4), 0)
    return "\n".join([lines[0], *(line[cut:] for line in lines[1:])]) if lines else ""


def is_function(head: str) -> bool:
    """As opposed to a variable, or a field, whose type may have parentheses among its template's arguments."""
    while (shorter := re.sub(r"<[^<>]*>", "", head)) != head:
        head = shorter
    return "operator" in head or "(" in head.partition("=")[0]


def read(text: str, level: int, sections: list[Section], private: bool = False, ours: bool = False) -> None:
    """`ours`: the namespaces of copg's own are read as well."""
    reader = Reader(text)
    comment: list[str] = []
    current: Section | None = None
    while True:
        if reader.skip_space():
            current, comment = None, []
        if reader.done():
            return
        rest = reader.text[reader.at :]
        if rest.startswith("//"):
            comment = reader.comment()
            continue
        if rest.startswith("#"):
            reader.line()
            continue
        if access := re.match(r"(public|private|protected):", rest):
            private = access[1] != "public"
            reader.at += access.end()
            continue
        head, inside = reader.declaration()
        head = head.strip()
        said, comment = comment, []
        if NAMESPACE.match(head):
            if ours or not OURS.match(head + " {"):
                read(inside, level, sections, ours=ours)
            current = None
            continue
        after = reader.trailing_comment()
        if private or not head or head.startswith(("friend", "static_assert", "using Verbs::", "extern template")):
            continue
        kind = SCOPE.match(head)
        if kind and not inside.strip() and not said and kind[1] != "concept":
            continue  # a declaration in advance
        if kind and kind[1] != "concept":
            section = Section(level, f"{kind[1]} {name_of(head)}", [indented(head)], said)
            sections.append(section)
            if kind[1].startswith("enum"):
                section.code = [f"{head} {{", *textwrap.dedent(inside.strip("\n")).splitlines(), "};"]
                section.code[1:-1] = [f"  {line}" for line in section.code[1:-1]]
            else:
                read(inside, level + 1, sections, private=kind[1] == "class", ours=ours)
            current = None
        elif level == 2 or is_function(head) or head.startswith(("using", "template")):
            code = indented(
                without_body(head) + ("" if is_function(head) or not inside else f"{{{inside}}}") + ";" + after
            )
            if said or current is None:
                current = Section(level, name_of(head), [code], said)
                sections.append(current)
            else:
                current.code.append(code)
        else:  # a field, whose comments stay with it
            code = head + (f"{{{inside}}}" if inside else "") + ";" + after
            holder = next(section for section in reversed(sections) if section.level < level)
            holder.code += [*("/// " + line for line in said), code]


def page(header: pathlib.Path, name: str) -> str | None:
    text = header.read_text(encoding="utf-8")
    opening: list[str] = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        opening.append(line[2:].removeprefix(" "))
    sections: list[Section] = []
    read(text, 2, sections, ours=name.startswith("copg/detail/"))
    if not sections:
        return None
    return f"# {name}\n\n{prose(opening)}\n" + "".join(section.markdown() for section in sections)


def pages(root: pathlib.Path) -> dict[str, str]:
    """Places on the site, and texts."""
    folder = root / "include/copg"
    verbs = [folder / verb for verb in VERBS]
    headers = [*sorted(folder.glob("*.hpp")), *verbs, *sorted((folder / "codec").glob("*.hpp"))]
    found = {}
    for header in headers:
        name = header.relative_to(folder.parent).as_posix()
        text = None if header.name in LEFT_OUT and header.parent == folder else page(header, name)
        if text:
            found[f"reference/cpp/{name.removeprefix('copg/').removesuffix('.hpp').replace('/', '-')}.md"] = text
    return found
