"""A control room with accounts, as `arkwright up` starts it."""

from tests.rest.conftest import at, room, walked

__all__ = ["at", "room", "walked"]  # fixtures
