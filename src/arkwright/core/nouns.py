"""A **Run** turns **Artifacts** into Artifacts. A **Promise** is measured on an Artifact and leaves a **Finding**.
A **Gate** lists promises and signatures; a person's **Decision** signs it. A passed gate moves an **Endpoint**.
Every change leaves an **Event**.

Each noun is written once, here, and in `alarms` those of what is noticed in production. The ledger keeps its JSON, and
every face encodes the same class.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from arkwright.core.alarms import Reaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts. On a site without accounts a role is declared, not proven.

    Once proven: `signs`, the gates' roles as which they may sign, and `rights`, the words of `govern.roles.RIGHTS`.
    """

    name: str
    role: str | None = None
    proven: bool = False
    signs: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a dataset, or one input or output of a model, with what its row class asks of it.

    `limits`: bounds by their name in msgspec.Meta (ge, lt, pattern …); `allowed`: the only values there may be.
    """

    name: str
    type: str  # int | float | str | bool | date | datetime | bytes
    nullable: bool = False
    limits: tuple[tuple[str, int | float | str], ...] = ()
    allowed: tuple[int | str | bool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Something a run made: bytes under a digest, with a name, a version and a recipe.

    `recipe` is the digest of everything that went in (inputs, code, parameters):
    the same recipe is never worked twice.
    """

    KIND: ClassVar[str] = "artifact"

    name: str
    version: int
    digest: str
    recipe: str
    run: str
    parents: tuple[str, ...] = ()

    @property
    def ref(self) -> str:
        """What people say: `model:late@7`."""
        return f"{self.KIND}:{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset(Artifact):
    """A snapshot of rows, kept as one Parquet file named by its digest. `left_out`: columns of its source that the row
    class does not ask for; None where that was not noted.
    """

    KIND: ClassVar[str] = "dataset"

    rows: int
    columns: tuple[Column, ...]
    quarantined: int = 0
    quarantine: str | None = None  # digest of the Parquet file of bad rows
    reasons: dict[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Artifact):
    """A fitted model as a folder of files, or a smaller twin of one (`parent`)."""

    KIND: ClassVar[str] = "model"

    task: str
    format: str  # onnx | skops; rules | rules as written, where people wrote them
    files: dict[str, str]  # path -> digest
    parent: str | None = None
    facts: dict[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What must hold, and who must sign, before an endpoint moves."""

    KIND: ClassVar[str] = "gate"

    name: str
    promises: tuple[str, ...]
    signed_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Artifact):
    """A candidate folder: the model, its promises with what was found, lineage, card and bill of materials.

    `digest` is the digest of the folder's manifest: signing it signs exactly these bytes.
    """

    KIND: ClassVar[str] = "release"

    model: str
    gate: Gate  # as it stood when the candidate was made: a gate weakened later lets nothing old through
    author: str
    files: dict[str, str]
    trained_by: tuple[str, ...] = ()  # others, whose earlier runs made its model


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One walk down the line."""

    KIND: ClassVar[str] = "run"

    name: str
    version: int
    author: str
    state: str  # started | finished | failed
    started: str
    seed: int
    code: str  # digest of the project's code
    lock: str  # digest of the installed packages
    ended: str | None = None
    made: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    log: str | None = None  # digest of what it said and what its code printed

    @property
    def ref(self) -> str:
        return f"{self.KIND}:{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found when a promise was measured on the bytes `digest`."""

    KIND: ClassVar[str] = "finding"

    subject: str  # dataset:flights@3, model:late@7
    digest: str
    promise: str
    verdict: str  # kept | broken | unproven
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    note: str = ""
    more_rows: int | None = None
    run: str | None = None
    timed: bool = False  # a measurement of one machine at one moment, which no other run finds again


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A person's Yes or No to exactly the bytes `digest`."""

    KIND: ClassVar[str] = "decision"

    release: str
    digest: str
    by: str
    role: str
    yes: bool
    reason: str
    proven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the project says of an endpoint, as of when it was moved: who serves or moves it needs no project beside.

    `model` and `gate`: what its releases are made of and must pass. `canary`, `hold`, `shadow`: how one takes over from
    the one before. `log`: whether answers are logged; `sample` (0 to 1), `redact` (columns), `keep` (a span): how.
    `promises`: what must hold of its traffic, in windows of `window`, measured `every` so often. A promise broken for
    `raise_after` is an alarm, and kept for `clear_after` none any more. Labels come `labels_after` so
    long: what rests on them is measured on the window that ended then. `fallback`: the model that may take over.
    """

    model: str
    gate: str
    canary: float | None = None
    hold: str | None = None
    shadow: bool = False
    log: bool = True
    sample: float = 1.0
    redact: tuple[str, ...] = ()
    keep: str = "90d"
    promises: tuple[str, ...] = ()
    window: str = "1d"
    every: str = "5m"
    raise_after: str | None = None
    clear_after: str | None = None
    labels_after: str | None = None
    reactions: tuple[Reaction, ...] = ()
    fallback: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A name that answers, and which release gets which share of its traffic. Moved by compare-and-set."""

    KIND: ClassVar[str] = "endpoint"

    name: str
    version: int
    shares: dict[str, float]  # release:late@3 -> share of traffic; together 1
    reason: str = ""
    shadows: tuple[str, ...] = ()  # releases that get a copy of every request and never answer
    terms: Terms | None = None  # not on record where it was moved by what knew none
    stopped: str = ""  # who stopped it in an emergency, for `reason`: nothing answers until it is moved again
    resumed: bool = False  # answers again as it did before it was stopped

    @property
    def ref(self) -> str:
        return f"{self.KIND}:{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person whom the site lets in: what they may do there, and as whom they may sign. Secrets are kept elsewhere."""

    KIND: ClassVar[str] = "account"

    name: str
    version: int
    role: str  # none | viewer | contributor | owner
    signs: tuple[str, ...] = ()  # the gates' roles
    email: str = ""
    reason: str = ""

    @property
    def ref(self) -> str:
        return f"{self.KIND}:{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """What somebody said about a noun, in Markdown. An edit and a deletion are later versions."""

    KIND: ClassVar[str] = "comment"

    id: int  # counted over the whole site
    version: int
    thread: int  # the id of the comment that opened it
    about: str  # release:late@3, endpoint:late, or a finding: model:late@7#roc_auc >= 0.7
    by: str  # whose comment it is
    text: str
    question: bool = False
    deleted: bool = False
    mentions: tuple[str, ...] = ()
    proven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What somebody says of a comment: `accepted` (the answer), `answered` (the question), `helpful`; or takes back."""

    KIND: ClassVar[str] = "mark"

    comment: int
    thread: int
    about: str
    by: str
    what: str
    on: bool = True
    proven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change of one promise in `arkwright.toml`, and what became of it. An edit, a review and a commit are later
    versions: whoever comes second is told.

    It is made in the promises of `[section.name]`: without `before` it adds one, without `after` it takes one out.
    `base`: digest of what stood at that place; where that changed meanwhile, the proposal is void. `digest`: of exactly
    this change, to which a review is bound.
    """

    KIND: ClassVar[str] = "proposal"

    id: int  # counted over the whole site
    version: int
    section: str  # data | gate | endpoint
    name: str
    before: str | None
    after: str | None
    reason: str
    by: str  # whose proposal it is
    base: str
    digest: str
    state: str = "open"  # open | accepted | committed | refused | withdrawn
    reviewer: str = ""
    role: str = ""  # as which the reviewer decided: owner, or a signing role of the gate
    answer: str = ""  # the reviewer's reason
    commit: str = ""
    proven: bool = False  # whether somebody checked who wrote this version


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """Something has waited for people for a day or longer; said once a day while it waits."""

    KIND: ClassVar[str] = "reminder"

    about: str  # release:late@3, which lacks signatures, or proposal:3, which lacks a review
    people: tuple[str, ...]  # each of whom can do it
    roles: tuple[str, ...]  # as which
    since: str
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Somebody wants to hear of a noun, or no longer. Without a version: of every version."""

    KIND: ClassVar[str] = "watch"

    about: str
    by: str
    on: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Somebody outside hears of what happens here, or no longer. Its whole address and its key are kept elsewhere."""

    KIND: ClassVar[str] = "webhook"

    name: str
    version: int
    to: str  # https://host/…
    format: str
    on: tuple[str, ...]
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the ledger: who wrote which noun when, sealed to the line before."""

    seq: int
    at: str
    by: str
    kind: str
    key: str
    body: str
    seal: str


VERSIONED: dict[str, type[Dataset] | type[Model] | type[Release] | type[Run] | type[Endpoint] | type[Account]] = {
    noun.KIND: noun for noun in (Dataset, Model, Release, Run, Endpoint, Account)
}
