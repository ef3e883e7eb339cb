"""The plan: which dataset is made from which, by what code. Plain data, so that it travels between processes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from arkwright.core.errors import Invalid
from arkwright.core.nouns import Column
from arkwright.core.safeguards.words import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class DataStep:
    """How one dataset comes to be. `columns` is None when only reading the source can tell."""

    name: str
    kind: str  # source | sql | python
    inputs: tuple[str, ...] = ()
    code: str = ""  # digest of the SQL, or of the function and all it uses
    row: str = ""  # digest of the row class; empty without one
    columns: tuple[Column, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStep:
    """How one model comes to be."""

    name: str
    dataset: str
    features: str | None
    code: str
    rules: tuple[Rule, ...] = ()  # of a model that is made of them; nothing is trained then


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The project's graph; `data` is in the order in which it can be made."""

    project: str
    data: tuple[DataStep, ...]
    models: tuple[ModelStep, ...]
    engines: dict[str, str]  # installed packages that decide what the code does, with their versions
    files: dict[str, str]  # the project's files and their digests
    safeguards: dict[str, tuple[Rule, ...]] = field(default_factory=dict)  # endpoint -> its rules, in their order

    def step(self, name: str) -> DataStep:
        return next(step for step in self.data if step.name == name)


def in_order(steps: Iterable[DataStep]) -> tuple[DataStep, ...]:
    """Inputs before what is made from them. Raises Invalid naming a cycle."""
    waiting = {step.name: step for step in steps}
    done: list[DataStep] = []
    while waiting:
        ready = [s for s in waiting.values() if not any(i in waiting for i in s.inputs)]
        if not ready:
            names = " from ".join(circle(waiting.values()))
            raise Invalid(f"these datasets are made from each other in a circle: {names}")
        for step in ready:
            done.append(step)
            del waiting[step.name]
    return tuple(done)


def circle(steps: Iterable[DataStep]) -> tuple[str, ...]:
    """Names of which each is made from the next and the last is the first again; empty when there is no such circle."""
    inputs = {step.name: step.inputs for step in steps}
    while ready := [name for name, needs in inputs.items() if not any(need in inputs for need in needs)]:
        for name in ready:
            del inputs[name]
    path = sorted(inputs)[:1]
    while path:  # every dataset left needs one that is left
        following = next(need for need in inputs[path[-1]] if need in inputs)
        if following in path:
            return (*path[path.index(following) :], following)
        path.append(following)
    return ()
