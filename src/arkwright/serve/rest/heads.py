"""What is checked of a request's head before its body is read."""

from arkwright.serve.wire.messages import JSON, Problem, Request


def seconds(milliseconds: bytes) -> float:
    """What a caller gives itself. Raises Problem (400)."""
    if not milliseconds.isdigit() or len(milliseconds) > 9:
        raise Problem(400, "Arkwright-Timeout-Ms is a whole number of milliseconds")
    return int(milliseconds) / 1000


def check_type(request: Request, kinds: tuple[bytes, ...]) -> None:
    """No content type is taken as the right one: inference clients send none. Raises Problem (415)."""
    sent = request.headers.get(b"content-type")
    if sent is None or sent in kinds:
        return
    kind, *parameters = (part.strip() for part in sent.lower().split(b";"))
    charsets = [part[8:].strip(b'"') for part in parameters if part.startswith(b"charset=")]  # others say nothing here
    if kind not in kinds:
        others = [f"or {one.decode()}" for one in kinds[1:]]
        raise Problem(415, " ".join(["send JSON in UTF-8, with the header Content-Type: application/json", *others]))
    if kind == JSON and any(charset not in (b"", b"utf-8") for charset in charsets):
        raise Problem(415, "send JSON in UTF-8, with the header Content-Type: application/json")
