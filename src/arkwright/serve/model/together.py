"""How requests of one kind to one model are worked on at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from arkwright.serve.model.tensors import Tensors


@dataclass(frozen=True, slots=True)
class Together:
    """Items to inputs, outputs to a text for each row."""

    prepare: Callable[[Sequence[Any]], Tensors]
    tell: Callable[[Tensors], Sequence[Any]]
