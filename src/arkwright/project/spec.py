"""What `arkwright.toml` may say. Unknown keys are errors: a misspelt `signed_by` must not mean that nobody signs."""

from typing import Annotated, Any, Literal

import msgspec

from arkwright.core import durations
from arkwright.core.record import NAME
from arkwright.core.spelt import END, in_schema

Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Task = Literal["classification", "regression"]
DataReactionWord = Literal["notify", "discuss", "run"]
ReactionWord = Literal["notify", "discuss", "halt", "rollback", "fallback", "run"]
Spelling = Annotated[str, msgspec.Meta(pattern=f"^{NAME.pattern}{END}")]
Duration = Annotated[str, msgspec.Meta(pattern=durations.PATTERN, description="a span of time, such as 90d or 12h")]
Sentence = Annotated[str, msgspec.Meta(description='a promise: measure(args) op number, such as "recall >= 0.7"')]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A TOML table with known keys only."""


class DataWatchSpec(Table, frozen=True, kw_only=True):
    """How a dataset's source is watched: read anew `every` so often, and given up after `give_up`. What is broken for
    `raise_after` is an alarm, until it was kept for `clear_after`.
    """

    every: Duration = "1h"
    raise_after: Duration | None = None
    clear_after: Duration | None = None
    give_up: Duration = "10m"


class DataReactionSpec(Table, frozen=True, kw_only=True):
    """`[[data.NAME.reactions]]`: what is done about an alarm that has stood for `after`. `to`: about this promise, else
    about any. `tell`: people, or the signing roles of people, who are told or mentioned.
    """

    do: Annotated[tuple[DataReactionWord, ...], msgspec.Meta(min_length=1)]
    to: Sentence | None = None
    after: Duration | None = None
    cool_down: Duration = "1d"
    dry_run: bool = False
    tell: tuple[Spelling, ...] = ()


class DataSpec(Table, frozen=True, kw_only=True):
    """`[data.NAME]`: a source, or a dataset made by the function or the SQL file of the same name.

    `watch`: that it is looked at again by itself, and how.
    """

    source: str | None = None
    row: str | None = None
    key: tuple[str, ...] = ()
    time: str | None = None
    null: tuple[str, ...] = ("",)
    promises: tuple[Sentence, ...] = ()
    watch: DataWatchSpec | None = None
    reactions: tuple[DataReactionSpec, ...] = ()


class RuleSpec(Table, frozen=True, kw_only=True):
    """A rule: when the condition holds for a row, this is answered. As one of an endpoint's `safeguards` it answers
    instead of the model, and may be "review": no answer, a person looks at the row. As one of a model's `rules` it is
    the model.
    """

    name: Spelling
    when: Annotated[str, msgspec.Meta(description='a condition, such as "distance > 5000" or "confidence < 0.6"')]
    answer: bool | int | float | str
    because: str = ""


class SplitSpec(Table, frozen=True, kw_only=True):
    """How held-out rows are chosen. `column`: of the time or the group; `time` and `hash` default to the dataset's."""

    by: Literal["time", "group", "hash", "stratified"] = "stratified"
    test: Share = 0.25
    column: str | None = None


class ModelSpec(Table, frozen=True, kw_only=True, rename={"source": "from"}):
    """`[model.NAME]`: made by the function of the same name, or of rules that people wrote. `score` decides between
    candidates.

    `table`: a CSV file with rules, one per row; `default`: what is answered where no rule fits.
    """

    source: str
    target: str
    task: Task
    split: SplitSpec = SplitSpec()
    groups: tuple[str, ...] = ()
    score: Sentence | None = None
    rules: tuple[RuleSpec, ...] = ()
    table: str | None = None
    default: bool | int | float | str | None = None

    @property
    def of_rules(self) -> bool:
        """Whether nothing is trained: the rules are the model."""
        return bool(self.rules) or self.table is not None


class GateSpec(Table, frozen=True, kw_only=True):
    """`[gate.NAME]`: what must hold and who must sign before an endpoint moves."""

    promises: tuple[Sentence, ...]
    signed_by: tuple[Spelling, ...] = ()


class RolloutSpec(Table, frozen=True, kw_only=True):
    """How a release takes over from the one before: with `canary`, that share of the requests first, and all of them
    when it is promoted again, not before `hold`; with `shadow`, a copy of every request first, answering none.
    """

    canary: Share | None = None
    hold: Duration | None = None
    shadow: bool = False


class LogSpec(Table, frozen=True, kw_only=True):
    """What is logged of each answer: the share of requests, the columns never written, and how long it is kept."""

    sample: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    redact: tuple[str, ...] = ()
    keep: Duration = "90d"


class WatchSpec(Table, frozen=True, kw_only=True):
    """How an endpoint's promises are watched: over what came in the last `window`, or all that a release answered since
    it came, `every` so often. What is broken for `raise_after` is an alarm, until it was kept for `clear_after`. Where
    labels come `labels_after` so long, what rests on them is measured on the window that ended then.
    """

    window: Annotated[
        str,
        msgspec.Meta(
            pattern=durations.WINDOW,
            description='a span of time, so many rows, or all of a release: "7d", "5000 rows", "release"',
        ),
    ] = "1d"
    every: Duration = "5m"
    raise_after: Duration | None = None
    clear_after: Duration | None = None
    labels_after: Duration | None = None


class ReactionSpec(Table, frozen=True, kw_only=True):
    """`[[endpoint.NAME.reactions]]`: what is done about an alarm that has stood for `after`. `to`: about this promise,
    else about any. `of`: where the release is the live one, a canary or a shadow. `tell`: people, or the signing roles
    of people, who are told or mentioned.
    """

    do: Annotated[tuple[ReactionWord, ...], msgspec.Meta(min_length=1)]
    to: Sentence | None = None
    of: Literal["live", "canary", "shadow"] | None = None
    after: Duration | None = None
    cool_down: Duration = "1d"
    dry_run: bool = False
    tell: tuple[Spelling, ...] = ()


class EndpointSpec(Table, frozen=True, kw_only=True):
    """`[endpoint.NAME]`: a name that answers, and the gate that its releases must pass.

    `table`: a CSV file beside this one with more safeguards, one per row. `fallback`: the model whose release takes
    over where a reaction says so.
    """

    model: str
    gate: str
    rollout: RolloutSpec = RolloutSpec()
    safeguards: tuple[RuleSpec, ...] = ()
    table: str | None = None
    promises: tuple[Sentence, ...] = ()
    watch: WatchSpec = WatchSpec()
    reactions: tuple[ReactionSpec, ...] = ()
    fallback: str | None = None
    log: bool | LogSpec = True

    @property
    def logged(self) -> LogSpec | None:
        """How its answers are logged; None when they are not."""
        return self.log if isinstance(self.log, LogSpec) else LogSpec() if self.log else None


class ProjectSpec(Table, frozen=True, kw_only=True):
    """The whole of `arkwright.toml`."""

    project: Spelling
    owner: str
    purpose: str
    risk: Literal["minimal", "limited", "high"] = "limited"
    code: str
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 0
    data: dict[Spelling, DataSpec] = {}
    model: dict[Spelling, ModelSpec] = {}
    gate: dict[Spelling, GateSpec] = {}
    endpoint: dict[Spelling, EndpointSpec] = {}


SECTIONS: dict[str, type[Table]] = {
    "data": DataSpec,
    "model": ModelSpec,
    "gate": GateSpec,
    "endpoint": EndpointSpec,
}


def json_schema() -> dict[str, Any]:
    """A JSON Schema of `arkwright.toml` for editors, generated from the same structs that load it."""
    schema = in_schema(msgspec.json.schema(ProjectSpec))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "arkwright.toml", **schema}
