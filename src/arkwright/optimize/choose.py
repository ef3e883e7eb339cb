"""Which candidate is served, by a rule that a clock cannot upset: the same model is chosen again on another day."""

from collections.abc import Sequence
from dataclasses import replace

from arkwright.optimize.table import Candidate

_MUCH_SLOWER = 2.0  # times the plain graph's median: noise does not double a median


def choose(candidates: Sequence[Candidate], limit: float, plain: str = "onnx") -> tuple[Candidate, ...]:
    """The same candidates, one of them chosen, each with the reason.

    Agreement decides who may be served: the share of the held-out rows answered as the trained model answers them
    must reach `limit`. Of those, one that holds `features` in its graph comes first, since then no Python runs for a
    row; then the smallest. One that takes over twice as long as the plain graph is out.
    """
    usual = next((c.p50_ms for c in candidates if c.name == plain), None)
    reasons = {c.name: _objection(c, limit, usual) for c in candidates}
    fit = [c for c in candidates if not reasons[c.name]]
    best = min(fit, key=lambda c: (not c.inside, c.size_bytes), default=None)
    done = []
    for c in candidates:
        chosen = best is not None and c.name == best.name
        why = _praise(c, candidates) if chosen else reasons[c.name] or _behind(c, best)
        done.append(replace(c, chosen=chosen, why=why))
    return tuple(done)


def _objection(c: Candidate, limit: float, usual: float | None) -> str:
    if not c.servable:
        return c.note or "what the others are held against; only data is served, no Python object"
    if c.agreement < limit:
        return f"answers otherwise on {1 - c.agreement:.2%} of the rows; at most {1 - limit:.2%} may be"
    if usual and c.p50_ms and c.p50_ms > _MUCH_SLOWER * usual:
        return f"takes {c.p50_ms / usual:.1f} times as long as the plain graph"
    return ""


def _praise(c: Candidate, candidates: Sequence[Candidate]) -> str:
    words = ["answers as the trained model"]
    words.append("runs no Python for a row" if c.inside else "the smallest that does")
    before = next((o for o in candidates if not o.servable and o.p50_ms), None)
    if before and before.p50_ms and c.p50_ms:
        words.append(f"{before.p50_ms / c.p50_ms:.0f} times as fast as it")
    return ", ".join(words)


def _behind(c: Candidate, best: Candidate | None) -> str:
    assert best is not None
    if best.inside and not c.inside:
        return "its features run in Python"
    return "larger than the chosen one"
