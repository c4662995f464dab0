"""SQLAlchemy's own suite for dialects. tests/python/test_sqlalchemy.py runs it, in a process of its own."""

import pytest

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403
