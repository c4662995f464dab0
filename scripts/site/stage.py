#!/usr/bin/env python3
"""Collects the pages of the documentation site in OUT/pages, and writes OUT/mkdocs.yml, with which mkdocs builds it.

The pages in docs/ and the pages of the root are taken as they are, but for their links: what leads to a file of the
repository that is no page leads to a page that shows this file. The reference pages are made from the sources.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess

import cpp_reference
import navigation
import python_reference

# Where the pages outside of docs/ are on the site, and the list of all pages, in whose place the README opens the site.
ELSEWHERE = {
    "README.md": "index.md",
    "docs/README.md": "contents.md",
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
}
LANGUAGES = {
    ".cpp": "cpp",
    ".hpp": "cpp",
    ".py": "python",
    ".sql": "sql",
    ".txt": "cmake",
    ".yml": "yaml",
    ".yaml": "yaml",
}
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"^( *```+)(\w+) +([\w ]+)$")


def place_of(path: str) -> str | None:
    """Where a page of the repository is on the site."""
    if path in ELSEWHERE:
        return ELSEWHERE[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else None


class Site:
    def __init__(self, root: pathlib.Path, out: pathlib.Path) -> None:
        self.root = root
        self.pages = out / "pages"
        self.shown: dict[str, str] = {}  # files and folders that pages link to -> where they are shown

    def target(self, path: str) -> str | None:
        """Where a link to this file or folder of the repository leads on the site; None if there is no such file."""
        if not (self.root / path).exists() or path.startswith(".."):
            return None
        if place := place_of(path):
            return place
        return self.shown.setdefault(path, f"source/{path.strip('/')}.md")

    def links(self, text: str, page: str, place: str) -> str:
        """The page's text with its links as they are on the site."""

        def changed(link: re.Match[str]) -> str:
            path = os.path.normpath(os.path.join(os.path.dirname(page), link[2]))
            target = None if "://" in link[2] else self.target(path)
            if target is None:
                return link[0]
            return link[1] + os.path.relpath(target, os.path.dirname(place) or ".") + link[3]

        lines, in_code = [], False
        for line in text.splitlines():
            if line.lstrip().startswith("```"):
                in_code = not in_code
                if fence := FENCE.match(line):
                    title = ' title="It prints"' if fence[3] == "output" else ""
                    line = f"{fence[1]}{fence[2]}{title}"
            lines.append(line if in_code else LINK.sub(changed, line))
        return "\n".join(lines) + "\n"

    def write(self, place: str, text: str) -> None:
        path = self.pages / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def add_pages(self) -> None:
        for path in tracked(self.root, "docs", *(page for page in ELSEWHERE if "/" not in page)):
            place = place_of(path)
            if place is None:
                continue
            if path.endswith(".md"):
                self.write(place, self.links((self.root / path).read_text(encoding="utf-8"), path, place))
            else:
                (self.pages / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.root / path, self.pages / place)

    def add_shown(self) -> None:
        for path, place in self.shown.items():
            files = tracked(self.root, path)
            text = f"---\nsearch:\n  exclude: true\n---\n\n# {path}\n"
            for file in files:
                content = (self.root / file).read_text(encoding="utf-8").rstrip("\n")
                heading = f"\n## {os.path.relpath(file, path)}\n" if len(files) > 1 else ""
                language = LANGUAGES.get(pathlib.Path(file).suffix, "text")
                text += f"{heading}\n~~~~{language}\n{content}\n~~~~\n"
            self.write(place, text)


def tracked(root: pathlib.Path, *paths: str) -> list[str]:
    """The files of the repository below these paths: those that git knows, and new ones that it would not ignore."""
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "--", *paths]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return sorted({line for line in listed.stdout.splitlines() if (root / line).is_file()})
    below = (root / path for path in paths)  # an archive without git
    files = (file for path in below for file in ([path] if path.is_file() else sorted(path.rglob("*"))))
    return [os.path.relpath(file, root) for file in files if file.is_file() and "__pycache__" not in file.parts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, required=True, help="of the repository")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="an own folder, whose pages are replaced")
    arguments = parser.parse_args()
    site = Site(arguments.root.resolve(), arguments.out.resolve())
    shutil.rmtree(site.pages, ignore_errors=True)
    site.add_pages()
    site.add_shown()
    for place, text in [*python_reference.pages(site.root).items(), *cpp_reference.pages(site.root).items()]:
        site.write(place, text)
    assets = site.pages / "assets"
    assets.mkdir()
    here = pathlib.Path(__file__).parent
    for asset in ("site.css", "worker-in-frame.js"):
        shutil.copyfile(here / asset, assets / asset)
    settings = {
        "INHERIT": os.path.relpath(here / "mkdocs.yml", site.pages.parent),
        "theme": {"custom_dir": os.path.relpath(here / "theme", site.pages.parent)},
        "docs_dir": "pages",
        "site_dir": "site",
        "nav": navigation.of(site.pages),
    }
    lines = (f"{name}: {json.dumps(value)}\n" for name, value in settings.items())  # JSON is YAML
    (site.pages.parent / "mkdocs.yml").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
