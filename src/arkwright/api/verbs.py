"""The table of verbs. Faces find them here; each has its CLI word, docs line, test and REST route, as a script checks.

What a verb takes and gives stands in its signature alone. The table says what the signature cannot.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, cast


@dataclass(frozen=True)
class Verb:
    """One verb. `right`: what one must be allowed, a word of `govern.roles.RIGHTS`; `acts`: whether it changes a thing.

    `job`: it takes so long that it runs in a process of its own, and whoever asked may come back for the answer.
    `as_role`: it is done in one of the gates' roles. `known`: words that, from afar, only name things on record.
    `saves`: the same answer written into a Parquet file, however many rows it has.
    `here`: why it belongs to the machine where it is said, and has no route.
    """

    place: str
    right: str = "look"
    acts: bool = False
    job: bool = False
    as_role: bool = False
    known: tuple[str, ...] = ()
    saves: str = ""
    here: str = ""

    @cached_property
    def function(self) -> Callable[..., Any]:
        return _named(self.place)

    @cached_property
    def saving(self) -> Callable[..., Any] | None:
        return _named(self.saves) if self.saves else None


def _named(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    return cast(Callable[..., Any], getattr(import_module(module), name))


VERBS: dict[str, Verb] = {
    "new": Verb("arkwright.api.start:new", here="it makes a folder where it is said"),
    "check": Verb("arkwright.api.build:check", "work", acts=True, job=True),
    "run": Verb("arkwright.api.build:run", "work", acts=True, job=True),
    "again": Verb("arkwright.api.build:again", "work", acts=True, job=True),
    "profile": Verb("arkwright.api.look:profile", known=("dataset",)),
    "show": Verb("arkwright.api.look:show"),
    "diff": Verb("arkwright.api.look:diff"),
    "measures": Verb("arkwright.api.look:measures"),
    "quarantine": Verb("arkwright.api.datasets:quarantine", known=("dataset",)),
    "ledger": Verb("arkwright.api.catalog:ledger"),
    "runs": Verb("arkwright.api.catalog:runs"),
    "compare": Verb("arkwright.api.runs.compared:compare"),
    "search": Verb("arkwright.api.search:search"),
    "live": Verb("arkwright.api.catalog:live"),
    "threads": Verb("arkwright.api.talking.talk:threads"),
    "discuss": Verb("arkwright.api.talking.talk:discuss", "talk", acts=True),
    "amend": Verb("arkwright.api.talking.talk:amend", "talk", acts=True),
    "answer": Verb("arkwright.api.talking.talk:answer", "talk", acts=True),
    "follow": Verb("arkwright.api.talking.talk:follow", "talk", acts=True),
    "people": Verb("arkwright.api.talking.talk:people"),
    "inbox": Verb("arkwright.api.talking.inbox:inbox"),
    "seen": Verb("arkwright.api.talking.inbox:seen", "talk", acts=True),
    "requirements": Verb("arkwright.api.promising.requirements:requirements"),
    "propose": Verb("arkwright.api.promising.propose:propose", "talk", acts=True),
    "proposals": Verb("arkwright.api.promising.proposed:proposals"),
    "review": Verb("arkwright.api.promising.review:review", "talk", acts=True, as_role=True),
    "patch": Verb("arkwright.api.promising.proposed:patch"),
    "doctor": Verb("arkwright.api.doctor:doctor", "own"),
    "why": Verb("arkwright.api.decide:why"),
    "sign": Verb("arkwright.api.decide:sign", "talk", acts=True, as_role=True),
    "refuse": Verb("arkwright.api.decide:refuse", "talk", acts=True, as_role=True),
    "promote": Verb("arkwright.api.endpoints.rollout:promote", "own", acts=True),
    "rollback": Verb("arkwright.api.endpoints.rollout:rollback", "own", acts=True),
    "stop": Verb("arkwright.api.endpoints.emergency:stop", "own", acts=True),
    "resume": Verb("arkwright.api.endpoints.emergency:resume", "own", acts=True),
    "serve": Verb("arkwright.api.endpoints.traffic:serve", here="it takes a port of the machine where it is said"),
    "predict": Verb(
        "arkwright.api.endpoints.answer:predict",
        here="it loads the model where it is said; over HTTP the endpoint itself answers: POST /endpoints/NAME/predict",
    ),
    "watch": Verb("arkwright.api.watch.rounds:watch", "work", acts=True, job=True),
    "rehearse-watch": Verb("arkwright.api.watch.rehearsal:rehearse_watch", "work", acts=True, job=True),
    "alarms": Verb("arkwright.api.watch.alarms:alarms"),
    "ignore": Verb("arkwright.api.ignoring:ignore", "own", acts=True),
    "top": Verb("arkwright.api.endpoints.top:top", here="it asks an address that the caller names"),
    "predictions": Verb("arkwright.api.endpoints.logged:predictions", saves="arkwright.api.endpoints.logged:save"),
    "reproduce": Verb("arkwright.api.endpoints.reproduced:reproduce", "work", acts=True, job=True),
    "label": Verb("arkwright.api.endpoints.logged:label", "work", acts=True),
    "import": Verb(
        "arkwright.api.arriving.importing:import_mlflow",
        "own",
        acts=True,
        here="it asks an address that the caller names",
    ),
    "invite": Verb("arkwright.api.people.accounts:invite", "own", acts=True),
    "accounts": Verb("arkwright.api.people.accounts:accounts"),
    "role": Verb("arkwright.api.people.accounts:role", "own", acts=True),
    "unlink": Verb("arkwright.api.people.linking:unlink", "own", acts=True),
    "webhook": Verb("arkwright.api.talking.hooks:webhook", "own", acts=True),
    "webhooks": Verb("arkwright.api.talking.hooks:webhooks", "own"),
    "unhook": Verb("arkwright.api.talking.hooks:unhook", "own", acts=True),
    "mail": Verb("arkwright.api.talking.letters:mail", "talk", acts=True),
    "token": Verb("arkwright.api.people.accounts:token", "self", acts=True),
    "sessions": Verb("arkwright.api.people.sessions:sessions", "self"),
    "end": Verb("arkwright.api.people.sessions:end", "self", acts=True),
    "denied": Verb("arkwright.api.people.audit:denied", "own"),
}
