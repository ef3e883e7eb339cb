"""A walked project, as the REST tests have it."""

from tests.rest.conftest import at, walked

__all__ = ["at", "walked"]  # fixtures
