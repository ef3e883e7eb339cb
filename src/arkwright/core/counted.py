"""Counts as people say them."""


def many(count: int, one: str, more: str | None = None) -> str:
    """`1 dataset`, `2 datasets`; `more` where several are not called so with an s."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
