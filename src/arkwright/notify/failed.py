"""Why something could not be told."""

from arkwright.core.errors import ArkwrightError


class Failed(ArkwrightError):
    """It was not taken. `after`: seconds that the receiver asks to wait. `never`: trying again would change nothing.
    `gone`: the receiver wants to hear nothing any more. `alone`: it lies with this one reader, so that
    nobody else waits for it.
    """

    def __init__(
        self, message: str, *, after: float = 0.0, never: bool = False, gone: bool = False, alone: bool = False
    ) -> None:
        super().__init__(message)
        self.after, self.never, self.gone, self.alone = after, never, gone, alone
