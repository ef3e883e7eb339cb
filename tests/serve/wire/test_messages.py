"""What travels between the socket and the models."""

from arkwright.serve.wire.messages import come_again


def test_who_is_refused_does_not_come_again_with_all_others():
    seen = {int(come_again().removeprefix(b"Retry-After: ").removesuffix(b"\r\n")) for _ in range(500)}
    assert min(seen) >= 1
    assert max(seen) <= 30
    assert len(seen) > 20
