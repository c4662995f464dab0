"""Small rules that every file keeps. Prints each breach; a file above 500 lines is only remarked upon.

usage: house_rules.py FOLDER
"""

import pathlib
import re
import sys

import coroutines

FOLDERS = ("include", "src", "sim", "tools", "tests", "bench", "examples", "python", "scripts", "cmake", ".ci")
SUFFIXES = {".hpp", ".cpp", ".py", ".cmake", ".txt", ".in", ""}
LONGEST = 500  # lines
COLUMNS = 110  # as .clang-format has it

# A wait in a test is a condition with a deadline; only the helpers that wait or delay for all tests may sleep.
SLEEP = re.compile(r"\b(std::this_thread::sleep_(for|until)|[un]?sleep|nanosleep)\s*\(|\btime\.sleep\b")
HELPERS = re.compile(r"tests/(support|layering)/")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
# What an installed library exports. An attribute of the namespace would do for GCC; Clang forgets it for functions that
# are defined outside of that block.
EXPORTED = re.compile(
    r"^#pragma GCC visibility push\(default\)\nnamespace copg \{\n.*^\}  // namespace copg\n#pragma GCC visibility pop\n",
    re.MULTILINE | re.DOTALL,
)
# Code, as opposed to a table, ends with a brace or a semicolon.
EXAMPLE = re.compile(r"^\s*///? {4,}.*[;{}]$", re.MULTILINE)
# What clang-format makes of a declaration whose trailing comment is too long. (Lookahead: they may follow each other.)
TORN = re.compile(
    r"^( *(?!template|struct|class|enum|namespace|case|else|return)[\w:<>,*()=. \[\]]*(?:[\w>] =|\w\{|\(|[\w>]))\n"
    r" *([^/\n]*;) {2,}//(?!.*NOLINT)",
    re.MULTILINE,
)
HEADER_COMMENT = re.compile(r"\A(#!|//|#|\"\"\")")


def torn(text: str) -> list[int]:
    """Lines of declarations that would fit on one line if their comments stood above them."""
    return [
        text.count("\n", 0, found.start()) + 1
        for found in TORN.finditer(text)
        if not (found[1].endswith("{") and not found[2].endswith("};"))
        and len(found[1]) + len(found[2]) < COLUMNS
    ]


def complaints(name: str, text: str) -> list[str]:
    """What is wrong with the file `name` (relative, with slashes)."""
    result = []
    for number, line in enumerate(text.splitlines(), start=1):
        place = f"{name}:{number}"
        if "\t" in line:
            result.append(f"{place}: a tab")
        if line != line.rstrip():
            result.append(f"{place}: a space at the end of the line")
        if UNFINISHED.search(line):
            result.append(f"{place}: unfinished business; finish it or leave it out")
        if name.startswith("tests/") and SLEEP.search(line) and not HELPERS.match(name):
            result.append(f"{place}: a sleep; wait for a condition with a deadline instead")
        if name.startswith("include/") and re.match(r"\s*#\s*define\b", line):
            result.append(f"{place}: a public macro")
    if name.endswith("pp"):
        result += [f"{name}:{line}: torn by its comment, which belongs above it" for line in torn(text)]
    if name.startswith("include/"):
        fences = re.findall(r"^\s*///? ```.*", text, re.MULTILINE)
        examples = re.split(r"^\s*///? ```.*\n", text, flags=re.MULTILINE)
        if len(fences) % 2 or any(EXAMPLE.search(outside) for outside in examples[::2]):
            result.append(f"{name}: an example in a comment without ```cpp and ``` around it is not compiled")
    if name.startswith("include/") and "namespace" in text and not EXPORTED.search(text):
        result.append(f"{name}: namespace copg is not between `#pragma GCC visibility push(default)` and `pop`")
    if name.startswith(("include/", "src/")):
        result += coroutines.complaints(name, text)
    if text and not text.endswith("\n"):
        result.append(f"{name}: no newline at the end")
    if name.endswith((".hpp", ".cpp", ".py")) and text and not HEADER_COMMENT.match(text):
        result.append(f"{name}: does not open with what it is")
    if name.endswith(".hpp") and "#pragma once" not in text:
        result.append(f"{name}: no #pragma once")
    return result


def main(root: pathlib.Path) -> int:
    found, count = [], 0
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if not path.is_file() or path.suffix not in SUFFIXES or "__pycache__" in path.parts:
                continue
            count += 1
            name, text = path.relative_to(root).as_posix(), path.read_text()
            found += complaints(name, text)
            lines = text.count("\n")
            if lines > LONGEST:
                print(f"{name}: {lines} lines; is it one thing? (only a remark)")
    print("\n".join(found) or f"{count} files are fine")
    return 1 if found or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
