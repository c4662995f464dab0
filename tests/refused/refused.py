"""Compiles a file of which some lines must be refused: with them, and without them.

usage: refused.py SOURCE COMPILER [FLAG...]

A line that ends in `// refused` must be named in the compiler's words, which must hold TEXT of the file's line
`// Refused in the words: TEXT`. Such lines stand behind `#ifdef WRONG`; without it the file must compile.
"""

import pathlib
import re
import subprocess
import sys


def errors_of(command: list[str]) -> str:
    """What the compiler says, if it refuses."""
    compiled = subprocess.run(command, capture_output=True, text=True)
    return "" if compiled.returncode == 0 else compiled.stderr


def main(source: str, *compiler: str) -> int:
    complaints = errors_of([*compiler, source])
    problems = ["it does not compile without WRONG:\n" + complaints] if complaints else []
    output = errors_of([*compiler, "-DWRONG", source])
    text = pathlib.Path(source).read_text(encoding="utf-8")
    words = re.search(r"(?m)^// Refused in the words: (.+)$", text)
    if words is None or words.group(1) not in output:
        problems.append(f"not refused in the words that {source} gives")
    marked = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.endswith("// refused"):
            marked += 1
            if f"{source}:{number}:" not in output:
                problems.append(f"{source}:{number}: accepted: {line.strip()}")
    if marked == 0:
        problems.append("no line is marked: this check is broken")
    print(f"{marked} lines are to be refused")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
