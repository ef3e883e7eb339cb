"""How registered models of an MLflow server come over, after the runs and logged models that they are made of."""

from collections.abc import Sequence

from arkwright.api.arriving.bringing import Bringing
from arkwright.api.arriving.brought import Left, left
from arkwright.core.errors import Invalid, Refused, Unknown
from arkwright.tracking.importing import reading, registering, said
from arkwright.tracking.importing.server import NotGiven


class Registering:
    """`partly`: what is made of files that are not here is passed over without a word."""

    def __init__(self, bringing: Bringing, *, partly: bool) -> None:
        self._bringing, self._partly = bringing, partly
        self._left: dict[str, list[Left]] = {}

    def all(self) -> None:
        """Every registered model. A version may be made of another model's, so what is left is tried again."""
        told = self._bringing.told
        models: dict[str, said.Registered] = {}
        numbered: dict[str, list[said.Version]] = {}
        for what, asked in (("registered models", {}), ("prompts", reading.PROMPTS)):
            try:
                for version in reading.versions(self._bringing.server, **asked):
                    numbered.setdefault(version.name, []).append(version)
                models |= {one.name: one for one in reading.registered(self._bringing.server, **asked)}
            except NotGiven as error:
                told.leave(what, error)
        waiting, before = list(models), -1
        while waiting and before != told.versions:
            before = told.versions
            waiting = [name for name in waiting if self._one(models[name], numbered.get(name, ()))]
            self._bringing.say(f"{told.registered:,} registered models, {told.versions:,} versions came over")
        if not self._partly:
            for many in self._left.values():
                for one in many:
                    told.leave(one.what, one.why)

    def _one(self, given: said.Registered, numbered: Sequence[said.Version]) -> bool:
        """Whether it may help to try again."""
        bringing = self._bringing
        try:
            outcome = bringing.tracking.database.write(
                registering.registered,
                bringing.came,
                given,
                sorted(numbered, key=lambda one: said.version_number(one.version)),
                bringing.told.missing,
                partly=self._partly,
            )
        except (NotGiven, Invalid, Refused, Unknown) as error:
            self._left[given.name] = [left(f"the registered model {given.name}", error)]
            return False
        bringing.told.registered += outcome.new
        bringing.told.versions += outcome.versions
        self._left[given.name] = [left(what, why) for what, why in outcome.left]
        return bool(outcome.left)
