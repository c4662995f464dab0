"""The blocks of Python in our own pages, executed in their order."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

import pycopg
from test_reference import PAGE, ROOT, blocks, run


@pytest.mark.parametrize("page", [PAGE, ROOT / "README.md"], ids=lambda page: page.name)
def test_every_block_does_what_it_says(page: Any, users: pycopg.PooledDatabase) -> None:
    scope: dict[str, Any] = {}
    found = blocks(page)
    assert found
    for _, code in found:
        run(code, scope)
    scope["db"].close()


def test_the_table_of_options_is_that_of_the_constructor() -> None:
    _, _, section = PAGE.read_text().partition("\n## Options\n")
    table = dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", section, re.MULTILINE))
    parameters = inspect.signature(pycopg.PooledDatabase).parameters
    of_async = dict(inspect.signature(pycopg.AsyncPooledDatabase).parameters)
    assert set(parameters) - set(of_async) == {"open"}
    assert all(parameters[name].default == parameter.default for name, parameter in of_async.items())
    shown = {None: "none", "": "the database's", dict: "`dict`", True: "`True`", False: "`False`"}
    options = {
        name: f'`"{parameter.default}"`'
        if isinstance(parameter.default, str) and parameter.default
        else shown.get(parameter.default, str(parameter.default))
        for name, parameter in parameters.items()
        if name != "config"
    }
    options["max_waiting"] = "0"  # which Python takes for False
    options["min_idle"] = "0"
    assert table == options
