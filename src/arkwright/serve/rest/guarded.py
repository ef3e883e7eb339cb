"""A request of rows on its way past the safeguards: some rows are answered before the model, some instead of it."""

import re
from collections.abc import Sequence
from typing import Any

from arkwright.serve.model.answers import Reader
from arkwright.serve.model.guards import MODEL, Guards
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.model.plain_guarded import judged
from arkwright.serve.model.tensors import Tensors
from arkwright.serve.wire.messages import Problem, Response

_PLACE = re.compile(r"\$\[(\d+)\]")


class Answered(Problem):
    """Raised in place of the graph's inputs when the rules have answered every row: the model is not asked."""

    def __init__(self, whole: Response) -> None:
        super().__init__(whole.status, "")
        self._whole = whole

    def response(self, *, close: bool = False) -> Response:
        self._whole.close = close
        return self._whole


class Visit:
    """One request's rows. `prepare` gives inputs for the rows that are left to the model, which may be fewer than came
    in, or raises Answered; `finish` makes the answer from the outputs for these.
    """

    __slots__ = ("_alone", "_fired", "_guards", "_left", "_loaded", "_places", "_read", "_rows")

    def __init__(self, loaded: Loaded, guards: Guards, read: Reader, rows: Sequence[Any], alone: bool) -> None:  # noqa: FBT001
        self._loaded, self._guards, self._read, self._rows, self._alone = loaded, guards, read, rows, alone
        self._fired: list[int] = []  # of each row its rule, or MODEL
        self._places: list[int] = []  # of the rows that are left to the model
        self._left: Sequence[Any] = ()

    def prepare(self) -> Tensors:
        self._fired = self._guards.before(self._rows)
        self._places = [i for i, rule in enumerate(self._fired) if rule == MODEL]
        whole = len(self._places) == len(self._rows)
        self._left = self._rows if whole else [self._rows[i] for i in self._places]
        if not self._left:
            raise Answered(self._wrapped([]))
        try:
            return self._loaded.prepare(self._left)
        except Problem as problem:
            raise self._placed(problem) from problem.__cause__

    def finish(self, outputs: Tensors) -> Response:
        try:
            said = self._read(outputs)
        except Problem as problem:
            raise self._placed(problem) from None
        for i, rule in zip(self._places, self._guards.after(self._left, said), strict=True):
            self._fired[i] = rule
        return self._wrapped(said)

    def answer(self) -> Response:
        """All of it at once, without a queue. Raises what the graph raises."""
        try:
            inputs = self.prepare()
        except Answered as answered:
            return answered.response()
        return self.finish(self._loaded.graph.run(inputs))

    def _placed(self, problem: Problem) -> Problem:
        """A problem with a row that was left, told with its place among all rows."""
        if self._alone:
            return told_alone(problem)
        found = _PLACE.match(problem.message)
        if not found or int(found[1]) >= len(self._places):
            return problem
        message = f"$[{self._places[int(found[1])]}]{problem.message[found.end() :]}"
        return Problem(problem.status, message, problem.headers)

    def _wrapped(self, said: Sequence[bytes]) -> Response:
        guards, loaded = self._guards, self._loaded
        by_model = dict(zip(self._places, said, strict=True))
        texts = [by_model[i] if rule == MODEL else guards.predictions[rule] for i, rule in enumerate(self._fired)]
        body = judged(loaded, guards, texts, self._fired, alone=self._alone)
        return Response(200, body, headers=loaded.headers)


def told_alone(problem: Problem) -> Problem:
    """A problem with the one row of a request: it has no place in a list."""
    return Problem(problem.status, problem.message.replace("$[0]", "$", 1), problem.headers)
