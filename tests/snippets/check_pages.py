#!/usr/bin/env python3
"""Checks the pages of the repository: README.md and its siblings, and docs/.

snippets    Every block of C++, those in the comments of public headers too, compiles; those marked `run`, and whole programs, run against a throw-away
            server. If a block ```text output follows, it is what they print. How a block is marked:
              ```cpp         statements, in a function that has `copg::PooledDatabase& db`
              ```cpp run     the same, executed
              ```cpp file    declarations, at namespace scope
            A block with `int main(` is a whole program and executed. It may grow from block to block:
              ```cpp step    the whole program, as it begins
              ```cpp above   comes above its `main`, for the next step
              ```cpp more    comes at the end of its `main`; the program of this step is executed, and prints what it has
                             printed in the steps before, and the output of this block
references  Links lead to files and headings, named tests exist, the table of options is that of the header, and each
            invariant (I1, of clusters C1), rule of sharing (S1) and bug of other pools (B1) that is cited anywhere has a row in a table.
            Each page of docs/ is linked from an index (a README.md), each decision with its number, title and status.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
RUN_TIMEOUT_S = 60


@dataclass
class Block:
    page: str
    line: int
    kind: str
    text: str
    output: str | None = None

    @property
    def is_program(self) -> bool:
        return "int main(" in self.text

    @property
    def runs(self) -> bool:
        return self.is_program or self.kind == "run"


def pages(root: pathlib.Path, given: list[str]) -> list[pathlib.Path]:
    if given:
        return [pathlib.Path(page) for page in given]
    return sorted(root.glob("*.md")) + sorted(root.glob("docs/**/*.md"))


def headers(root: pathlib.Path, given: list[str]) -> list[pathlib.Path]:
    return [] if given else sorted(root.glob("include/**/*.hpp"))


def lines_of(page: pathlib.Path) -> list[str]:
    """Of a header those of its comments, without what makes them comments; others are empty, so that numbers stay."""
    lines = page.read_text(encoding="utf-8").splitlines()
    if page.suffix != ".hpp":
        return lines
    comments = [re.match(r"\s*///?(?!/|<) ?(.*)$", line) for line in lines]
    return [comment.group(1) if comment else "" for comment in comments]


INCLUDE = re.compile(r"^#include .*$", re.MULTILINE)


def grown(blocks: list[Block]) -> list[Block]:
    """The same blocks, with one program in place of those of a program that grows: it runs all steps, one after the
    other, each in a namespace of its own, with what is known at that step."""
    result = [block for block in blocks if block.kind not in ("step", "above", "more")]
    above, main, printed = "", "", ""
    includes, steps, output = "", "", ""
    for block in blocks:
        if block.kind not in ("step", "above", "more"):
            continue
        includes += "".join(text + "\n" for text in INCLUDE.findall(block.text))
        text = f'#line {block.line + 1} "{block.page}"\n' + INCLUDE.sub("", block.text)
        if block.kind == "above":
            above += text
            continue
        if block.kind == "step":
            above, _, main = text.partition("int main() {\n")
            main = main.rstrip().removesuffix("}")
        else:
            main += text
        printed += block.output or ""
        output += printed
        steps += f"namespace step_{block.line} {{\n{above}void run() {{\n{main}}}\n}}\n"
    if steps:
        calls = "".join(f"  {name}::run();\n" for name in re.findall(r"^namespace (step_\d+) ", steps, re.MULTILINE))
        first = next(block for block in blocks if block.kind == "step")
        result.append(Block(first.page, first.line, "step", f"{includes}{steps}int main() {{\n{calls}}}\n", output))
    return result


def blocks_of(page: pathlib.Path, name: str) -> list[Block]:
    found: list[Block] = []
    info, start, text = None, 0, []
    for number, line in enumerate(lines_of(page), 1):
        fence = re.match(r"```\s*(.*)$", line)
        if fence is None:
            text.append(line)
        elif info is None:
            info, start, text = fence.group(1).split(), number, []
        else:
            if info[:1] == ["cpp"]:
                found.append(Block(name, start, info[1] if len(info) > 1 else "", "\n".join(text) + "\n"))
            elif info == ["text", "output"] and found:
                found[-1].output = "\n".join(text) + "\n"
            info = None
    return grown(found)


def in_function(block: Block, function: str) -> str:
    """Statements as a function; the compiler speaks of the page's lines."""
    body = f'#line {block.line + 1} "{block.page}"\n' + INCLUDE.sub("", block.text)
    return f"void {function}([[maybe_unused]] copg::PooledDatabase& db) {{\n{body}}}\n"


def source_of(blocks: list[Block]) -> str:
    """The blocks as a translation unit: one of any kind, or several of statements; what is executed has its argument as
    index."""
    line = f'#line {blocks[0].line + 1} "{blocks[0].page}"\n'
    if blocks[0].is_program:
        return line + blocks[0].text
    source = '#include "prologue.hpp"\n'
    source += "".join(text + "\n" for block in blocks for text in INCLUDE.findall(block.text))
    if blocks[0].kind == "file":
        return source + line + INCLUDE.sub("", blocks[0].text)
    calls = ""
    for index, block in enumerate(blocks):
        source += in_function(block, f"snippet_{index}")
        if block.runs:
            calls += f"    case {index}: snippet_{index}(db); break;\n"
    if calls:
        source += "int main(int, char** argv) {\n  auto db = copg::PooledDatabase::from_env();\n"
        source += f"  switch (std::atoi(argv[1])) {{\n{calls}  }}\n}}\n"
    return source


def compile_blocks(blocks: list[Block], name: str, arguments: argparse.Namespace) -> tuple[str, pathlib.Path]:
    """What the compiler says, and the program if there is something to execute."""
    source = arguments.work / f"snippet_{name}.cpp"
    source.write_text(source_of(blocks), encoding="utf-8")
    program = source.with_suffix("")
    command = arguments.compile + [f"-I{HERE}", f"-I{arguments.root / 'include'}"]
    # A value that a snippet shows but does not use is no mistake of the page.
    command += ["-Wno-unused-variable", "-Wno-unused-but-set-variable", str(source)]
    runs = any(block.runs for block in blocks)
    command += ["-o", str(program), *arguments.link] if runs else ["-fsyntax-only"]
    compiled = subprocess.run(command, capture_output=True, text=True)
    return compiled.stderr or ("the compiler failed" if compiled.returncode != 0 else ""), program


def run(block: Block, program: pathlib.Path, index: int, arguments: argparse.Namespace) -> str | None:
    """What is wrong with what it does, if anything."""
    schema = f'psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --file={shlex.quote(str(HERE / "schema.sql"))}'
    inside = f'{schema} "$DATABASE_URL" && exec {shlex.quote(str(program))} {index}'
    try:
        ran = subprocess.run([arguments.copg, "with-postgres", "--", "sh", "-c", inside], capture_output=True,
                             text=True, timeout=RUN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return f"not over after {RUN_TIMEOUT_S} s"
    if ran.returncode != 0:
        return f"exit status {ran.returncode}:\n{ran.stdout}{ran.stderr}"
    if block.output is not None and ran.stdout != block.output:
        return f"printed\n{ran.stdout}and not\n{block.output}"
    return None


def check_apart(block: Block, number: int, arguments: argparse.Namespace) -> str | None:
    """What is wrong with it, if anything."""
    said, program = compile_blocks([block], str(number), arguments)
    if said:
        return "does not compile without a word:\n" + said
    return run(block, program, 0, arguments) if block.runs else None


def check_snippets(arguments: argparse.Namespace) -> list[str]:
    arguments.work.mkdir(parents=True, exist_ok=True)
    arguments.compile = arguments.compile.split(";")
    arguments.link = arguments.link.split(";")
    blocks = [block for page in [*pages(arguments.root, arguments.pages), *headers(arguments.root, arguments.pages)]
              for block in blocks_of(page, os.path.relpath(page, arguments.root))]
    for block in [block for block in blocks if arguments.leave_out and arguments.leave_out in block.text]:
        print(f"{block.page}:{block.line}: left out, since this compiler does not know {arguments.leave_out}")
        blocks.remove(block)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as workers:
        # All statements are compiled together, since nearly all of the time goes into headers; if there is a mistake,
        # each by itself, so that it is told whose.
        together = [block for block in blocks if block.kind in ("", "run") and not block.is_program]
        compiled = workers.submit(compile_blocks, together, "all", arguments) if together else None
        checks = [(block, workers.submit(check_apart, block, number, arguments))
                  for number, block in enumerate(blocks) if block not in together]
        said, program = compiled.result() if compiled else ("", pathlib.Path())
        for index, block in enumerate(together):
            if said:
                checks.append((block, workers.submit(check_apart, block, len(blocks) + index, arguments)))
            elif block.runs:
                checks.append((block, workers.submit(run, block, program, index, arguments)))
        problems = [f"{block.page}:{block.line}: {verdict}"
                    for block, check in checks if (verdict := check.result()) is not None]
    print(f"{len(blocks)} snippets, {sum(block.runs for block in blocks)} of them executed")
    return problems if blocks else ["there is no snippet at all"]


def tests_of(root: pathlib.Path) -> set[str]:
    found = set()
    for source in (root / "tests").rglob("*.cpp"):
        text = source.read_text(encoding="utf-8")
        found.update(f"{suite}.{name}" for suite, name in re.findall(r"\bTEST(?:_[FP])?\((\w+),\s*(\w+)\)", text))
    return found


def options_of(root: pathlib.Path) -> dict[str, str]:
    """The options of the header with their defaults, as the table spells them."""
    text = (root / "include/copg/pool_options.hpp").read_text(encoding="utf-8")
    body = re.sub(r"//.*", "", text.split("struct PoolOptions {")[1].split("void validate")[0])
    found = {}
    member = r"([\w:<>() ]+?)\s+(\w+)\s*(?:=\s*([\w:.]+)|\{\s*([^}]*?)\s*\});"
    for kind, name, given, braced in re.findall(member, body):
        default = given.split("::")[-1] or braced or "none"
        found[name] = f"{default} s" if kind.strip() == "Seconds" else default
    return found


def links_of(page: pathlib.Path) -> Iterator[tuple[int, pathlib.Path, str]]:
    """Of each link outside of code: its line, the file it leads to, and the heading there, if one is named."""
    in_code = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        in_code = in_code != line.startswith("```")
        for target, heading in [] if in_code else re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?[^)]*\)", line):
            if "://" not in target:
                yield number, page.parent / target if target else page, heading


def headings_of(page: pathlib.Path) -> set[str]:
    """As links name them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(root: pathlib.Path, page: pathlib.Path) -> list[str]:
    problems = []
    for number, target, heading in links_of(page):
        where = f"{os.path.relpath(page, root)}:{number}"
        if not target.exists():
            problems.append(f"{where}: no such file: {target.relative_to(page.parent)}")
        elif heading and heading not in headings_of(target):
            problems.append(f"{where}: no such heading: {heading}")
    return problems


def check_indexes(root: pathlib.Path, given: list[str]) -> list[str]:
    """Given pages are taken for indexes of the pages beside them."""
    indexes = [page for page in pages(root, given) if given or page.name == "README.md"]
    listed = {target.resolve() for index in indexes for _, target, _ in links_of(index)}
    beside = [page for index in indexes for page in index.parent.glob("*.md")] if given else root.glob("docs/**/*.md")
    problems = [f"{os.path.relpath(page, root)} is linked from no index"
                for page in sorted(beside) if page not in indexes and page.resolve() not in listed]
    decisions = 0
    for index in indexes:
        text = index.read_text(encoding="utf-8")
        if "| number | decision | status |" not in text:
            continue
        numbers: set[int] = set()
        for page in sorted(index.parent.glob("[0-9]*-*.md")):
            number = int(page.name.split("-")[0])  # a number may be missing, but none stands twice
            title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix(f"# {number}. ")
            row = f"| {number} | [{title}]({page.name}) | "
            if number in numbers:
                problems.append(f"{os.path.relpath(page, root)}: another decision has the number {number}")
            numbers.add(number)
            if not page.name.startswith(f"{number:04}-") or not re.search(re.escape(row) + r"\w.* \|$", text, re.MULTILINE):
                problems.append(f"{os.path.relpath(index, root)}: no row of {page.name} that starts with {row}")
            decisions += 1
    return problems if decisions else [*problems, "no index of decisions was found"]


ROW = re.compile(r"^\| ([BCIS]\d{1,2})\b.*$", re.MULTILINE)
CITED = re.compile(r"(?<![\w.#])([BCIS]\d{1,2})(?:–([BCIS]?)(\d{1,2}))?\b(?!\.\d)")
CITING = {".cpp", ".hpp", ".py", ".md"}
FOLDERS = ("include", "src", "sim", "tools", "tests", "python", "bench", "examples")


def check_numbers(root: pathlib.Path, given: list[str]) -> list[str]:
    """Rows are `| I1 ... |` of any page; what is cited without one, and rows of bugs that name no test and no reason."""
    rows: dict[str, str] = {}
    problems = []
    for page in pages(root, given):
        name = os.path.relpath(page, root)
        for row in ROW.finditer(page.read_text(encoding="utf-8")):
            number, text = row.group(1), row.group()
            rows[number] = text
            if not re.search(r"`[A-Z]\w+\.[a-z0-9]+_\w+`|\bno test: \w", text):
                problems.append(f"{name}: {number} names no test, and no reason for having none")
    sources = [] if given else [path for folder in FOLDERS for path in sorted((root / folder).rglob("*"))
                                if path.suffix in CITING and path.name != "lies.md"]
    for source in [*pages(root, given), *sources]:
        name = os.path.relpath(source, root)
        for line, text in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
            for first, letter, last in CITED.findall(text):
                numbers = [first] + ([(letter or first[0]) + last] if last else [])
                problems += [f"{name}:{line}: {number} is defined nowhere" for number in numbers if number not in rows]
    if not given:
        for letter, least in (("B", 50), ("I", 13), ("S", 3), ("C", 16)):
            problems += [f"{letter}{number} has no row" for number in range(1, least + 1)
                         if f"{letter}{number}" not in rows]
    return problems


def check_references(arguments: argparse.Namespace) -> list[str]:
    problems = []
    tests = tests_of(arguments.root)
    options = options_of(arguments.root)
    for page in pages(arguments.root, arguments.pages):
        name = os.path.relpath(page, arguments.root)
        text = page.read_text(encoding="utf-8")
        problems += check_links(arguments.root, page)
        for number, line in enumerate(text.splitlines(), 1):
            for test in re.findall(r"`([A-Z]\w+\.[a-z0-9]+_\w+)`", line):
                if test not in tests:
                    problems.append(f"{name}:{number}: no such test: {test}")
        if re.search(r"^\| option \| default \|", text, re.MULTILINE):
            rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", text, re.MULTILINE))
            problems += [f"{name}: the option {option} = {default} has no row, or another default"
                         for option, default in options.items() if rows.get(option) != default]
    problems += check_indexes(arguments.root, arguments.pages)
    problems += check_numbers(arguments.root, arguments.pages)
    if not options or not tests:
        problems.append("no options or no tests were found: this check is broken")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["snippets", "references"])
    parser.add_argument("pages", nargs="*", help="in place of all pages of the repository")
    parser.add_argument("--root", type=pathlib.Path, required=True, help="of the repository")
    parser.add_argument("--work", type=pathlib.Path, help="where to build")
    parser.add_argument("--copg", help="the copg program")
    parser.add_argument("--compile", default="c++;-std=c++20", help="the compiler and its flags, ;-separated")
    parser.add_argument("--leave-out", help="blocks that name this are not compiled, and listed")
    parser.add_argument("--link", default="-lcopg;-lpq", help="what to link, ;-separated")
    arguments = parser.parse_intermixed_args()
    arguments.root = arguments.root.resolve()
    problems = check_snippets(arguments) if arguments.what == "snippets" else check_references(arguments)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
