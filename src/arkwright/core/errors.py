"""One tree of errors. The class carries the HTTP status and the exit code, the message carries the way out."""

from collections.abc import Iterable

LONGEST_MESSAGE = 2000  # a converter once printed 35,000 lines


class ArkwrightError(Exception):
    """What people are told: one line that says what is wrong, where, and what to do next."""

    status = 500
    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + " …")


class Invalid(ArkwrightError):
    """What was given is wrong: a file, a row, a sentence, a name."""

    status = 422
    exit_code = 2


class Unknown(ArkwrightError):
    """There is no such thing."""

    status = 404
    exit_code = 3


class Refused(ArkwrightError):
    """The rules do not allow it; the message says exactly what is missing."""

    status = 409
    exit_code = 4


class Outdated(ArkwrightError):
    """It is not at the version any more that was meant; the message says at which it is."""

    status = 412
    exit_code = 12


class NotTaken(ArkwrightError):
    """What was sent is of a content type that is not read here."""

    status = 415
    exit_code = 13


class NotOffered(ArkwrightError):
    """There is no answer of the content type that was asked for."""

    status = 406
    exit_code = 14


class Unproven(ArkwrightError):
    """Who asks has not said who they are, or could not prove it."""

    status = 401
    exit_code = 7


class Forbidden(ArkwrightError):
    """Who asks is known, and may not; the message says which role may."""

    status = 403
    exit_code = 8


class Throttled(ArkwrightError):
    """Too often; `after` (seconds) says when it may be tried again."""

    status = 429
    exit_code = 9

    def __init__(self, message: str, after: int = 60) -> None:
        super().__init__(message)
        self.after = after


class TooLarge(ArkwrightError):
    """More bytes than are taken; the message says how many are."""

    status = 413
    exit_code = 10


class TooSlow(ArkwrightError):
    """Who asks took too long to say it."""

    status = 408
    exit_code = 11


class Missing(ArkwrightError):
    """A part has to be installed first; the message says which."""

    status = 501
    exit_code = 5


class Full(ArkwrightError):
    """There is no room on the disk to write it."""

    status = 507
    exit_code = 15


class Away(ArkwrightError):
    """What keeps the records does not answer just now: nothing is wrong with what was asked."""

    status = 503
    exit_code = 16


class GivenUp(ArkwrightError):
    """It took longer than it was given."""

    status = 504
    exit_code = 17


class Corrupt(ArkwrightError):
    """Stored bytes are not the bytes that were written."""

    status = 500
    exit_code = 6


class Lost(Corrupt):
    """Stored bytes are not there any more."""

    exit_code = 18


class Interrupted(ArkwrightError):
    """A person stopped it (Ctrl-C)."""

    status = 499
    exit_code = 130


BY_NAME: dict[str, type[ArkwrightError]] = {
    kind.__name__: kind
    for kind in (
        ArkwrightError,
        Invalid,
        Unknown,
        Refused,
        Outdated,
        NotTaken,
        NotOffered,
        Unproven,
        Forbidden,
        Throttled,
        TooLarge,
        TooSlow,
        Missing,
        Full,
        Away,
        GivenUp,
        Corrupt,
        Lost,
        Interrupted,
    )
}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A near miss as a question, or what there is: `; did you mean "recall"?`."""
    from difflib import get_close_matches

    known = list(known)
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f'; did you mean "{close[0]}"?'
    if not known:
        return ""
    shown = ", ".join(sorted(known)[:12])
    return f"; there is {shown}" + (" …" if len(known) > 12 else "")
