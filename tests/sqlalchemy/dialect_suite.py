"""The tests that SQLAlchemy brings for dialects."""

from sqlalchemy.testing.suite import *  # noqa: F403
