"""The blocks of Python in our own pages, executed in their order."""

from __future__ import annotations

import ast
from typing import Any

import pytest

import pycopg
from test_reference import PAGE, ROOT, blocks


@pytest.mark.parametrize("page", [PAGE, ROOT / "README.md"], ids=lambda page: page.name)
def test_every_block_does_what_it_says(page: Any, users: pycopg.PooledDatabase) -> None:
    scope: dict[str, Any] = {}
    found = blocks(page)
    assert found
    for heading, code in found:
        exec(compile(ast.parse(code), f"{page.name}: {heading}", "exec"), scope)
    scope["db"].close()
