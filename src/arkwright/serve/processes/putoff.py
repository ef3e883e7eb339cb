"""Moves that were put off at a place, since they need what is left out there: a rollback may be what would heal it."""

from collections.abc import Collection
from dataclasses import dataclass

from arkwright.serve.processes import control


@dataclass(eq=False)
class Wish:
    """`releases`: what it needs and is left out. `lives`: whether one that answers nobody did it, with these."""

    order: control.Serve
    releases: frozenset[str]
    lives: bool = False


class PutOff:
    """What is wanted for each endpoint."""

    def __init__(self) -> None:
        self._wishes: dict[str, Wish] = {}

    def put(self, name: str, order: control.Serve, releases: frozenset[str]) -> bool:
        """Whether that is new."""
        if name in self._wishes and self._wishes[name].order.traffic == order.traffic:
            return False
        self._wishes[name] = Wish(order, releases)
        return True

    def next(self) -> Wish | None:
        """What nobody lived to do yet; the next time another."""
        for name, wish in self._wishes.items():
            if not wish.lives:
                self._wishes[name] = self._wishes.pop(name)
                return wish
        return None

    def readmitted(self, order: control.Serve) -> frozenset[str]:
        """What is not left out of this, and of this alone: beside something else it may end workers again."""
        lives = (wish.releases for wish in self._wishes.values() if wish.lives and wish.order.traffic == order.traffic)
        return frozenset().union(*lives)

    def doubt(self) -> None:
        """Somebody ended or hung after all."""
        for wish in self._wishes.values():
            wish.lives = False

    def drop(self, name: str) -> None:
        """It is wanted no more."""
        self._wishes.pop(name, None)

    def keep(self, left_out: Collection[str]) -> None:
        """Only what needs any of this: the others may be asked for anyway."""
        self._wishes = {name: wish for name, wish in self._wishes.items() if not wish.releases.isdisjoint(left_out)}

    def follow(self, before: control.Serve | None, order: control.Serve, *, shadow: bool) -> None:
        """Now this is served: what moved is wanted no more, all else beside this. Who tries it goes on from there."""
        was = before.traffic if before else {}
        for name in [name for name in self._wishes if was.get(name) != order.traffic.get(name)]:
            self.drop(name)
        for name, wish in self._wishes.items():
            beside = {other: routing for other, routing in order.traffic.items() if other != name}
            new = control.Serve(beside | {name: wish.order.traffic[name]}, order.unloaded)
            wish.lives &= control.lanes(new, shadow=shadow) == control.lanes(wish.order, shadow=shadow)
            wish.order = new
