"""The parts of a chart: text, its style, and the document around it, for light pages and dark ones."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_STYLE = (
    "text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#24292f}"
    ".heading{font-size:18px;font-weight:600}.title{font-weight:600}.column{fill:#57606a;font-style:italic}"
    ".value{fill:#57606a;font-size:11px}.name{font-size:11px}.paper{fill:#ffffff}.line{stroke:#d0d7de}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.column,.value{fill:#9da7b3}.paper{fill:#0d1117}"
    ".line{stroke:#30363d}}"
)


def text(x: float, y: float, said: str, css: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{css}" text-anchor="{anchor}">{escape(said)}</text>'


def document(width: float, height: float, body: Iterable[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
            f' height="{height}">',
            f"<style>{_STYLE}</style>",
            f'<rect width="{width}" height="{height}" class="paper"/>',
            *body,
            "</svg>",
            "",
        ]
    )
