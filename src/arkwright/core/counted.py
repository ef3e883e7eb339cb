"""Counts and shares as people say them."""


def many(count: int, one: str, more: str | None = None) -> str:
    """`1 dataset`, `2 datasets`; `more` where several are not called so with an s."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def percent(part: float) -> str:
    """A share that is small is not none, and one that is nearly all is not all."""
    return f"{min(100 * part, 99.9) if part < 1 else 100 * part:.3g} %"
