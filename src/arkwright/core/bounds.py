"""What a number lies between, said once, in its type: the code keeps it, and REST refuses and describes by it."""

from dataclasses import dataclass
from typing import Annotated

from arkwright.core.errors import Invalid

LARGEST = 2**31 - 1  # so that every program that asks can hold it


@dataclass(frozen=True, slots=True)
class Between:
    """Both ends count; `above`: but for the lower one."""

    least: float
    most: float
    above: bool = False

    def holds(self, number: float) -> bool:
        return self.least <= number <= self.most and not (self.above and number == self.least)

    def check(self, what: str, number: float) -> None:
        """Raises Invalid for a number that does not lie between, in the same words wherever it is said."""
        if not self.holds(number):
            begins = "above" if self.above else "from"
            raise Invalid(f"{what}: {number:.12g} is none; it goes {begins} {self.least:,} up to {self.most:,}")


Number = Annotated[int, Between(1, LARGEST)]  # of something on record
SPOTS = Between(0, LARGEST)
Spot = Annotated[int, SPOTS]  # in what is numbered; 0: before the first
