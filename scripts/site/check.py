#!/usr/bin/env python3
"""Checks the built site: each link and image of its pages leads to a file of the site, and to a heading that is there.

mkdocs looks at links in pages; this looks at what has become of them, and at those that the theme has made.
"""

from __future__ import annotations

import html.parser
import pathlib
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.needed: set[str] = set()  # to show the page
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.add(value)
                if tag != "a":
                    self.needed.add(value)
            elif value and (name == "id" or (name == "name" and tag == "a")):
                self.anchors.add(value)


def problems_of(site: pathlib.Path) -> list[str]:
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    if not pages:
        return [f"there is no page in {site}"]
    problems = []
    for path, page in pages.items():
        where = path.relative_to(site.resolve())
        for link in sorted(page.links):
            url = urllib.parse.urlsplit(link)
            if url.scheme or url.netloc:
                if url.scheme in ("", "http", "https") and link in page.needed:
                    problems.append(f"{where}: needs another server: {link}")
                continue
            below = site if url.path.startswith("/") else path.parent
            target = (below / urllib.parse.unquote(url.path).lstrip("/")).resolve() if url.path else path
            if not target.exists():
                problems.append(f"{where}: leads nowhere: {link}")
            elif target in pages and url.fragment not in pages[target].anchors | {""}:
                problems.append(f"{where}: no such heading: {link}")
    return problems


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(f"usage: check.py SITE\n\n{__doc__}", file=sys.stderr)
        return 2
    site = pathlib.Path(sys.argv[1])
    problems = problems_of(site)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    print(f"{site}/index.html: {len(list(site.rglob('*.html')))} pages, every link leads somewhere")
    return 0


if __name__ == "__main__":
    sys.exit(main())
