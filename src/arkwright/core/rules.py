"""What may happen, decided from records alone. No input, no output, no clock."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arkwright.core.alarms import Alarm
from arkwright.core.counted import many
from arkwright.core.nouns import Account, Decision, Finding, Release


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a release may pass its gate, and everything that is missing, as sentences."""

    findings: tuple[Finding, ...]  # latest per promise, in the gate's order
    unmeasured: tuple[str, ...]
    signatures: tuple[Decision, ...]  # the Yes that counts for each signature asked for
    unsigned: tuple[str, ...]
    refusals: tuple[Decision, ...]

    @property
    def promises_kept(self) -> bool:
        return not self.unmeasured and all(finding.verdict == "kept" for finding in self.findings)

    @property
    def passed(self) -> bool:
        return self.promises_kept and not self.unsigned and not self.refusals

    @property
    def standing(self) -> str:
        """A word of STANDINGS."""
        return standing(self, kept=self.promises_kept)

    @property
    def missing(self) -> tuple[str, ...]:
        lines = [f"{f.promise} is {f.verdict}: {found(f)}" for f in self.findings if f.verdict != "kept"]
        lines += [f"{promise} was not measured" for promise in self.unmeasured]
        lines += [f"{d.by} ({d.role}) refused: {d.reason}" for d in self.refusals]
        lines += [f"no signature yet as {role}" for role in self.unsigned]
        return tuple(lines)


STANDINGS = (
    "passed",
    "waits",
    "refused",
)  # of a release before its gate: it may be deployed, lacks a signature, or not


def standing(judged: Judgement, *, kept: bool) -> str:
    """How a release stands; `kept`: whether every promise of its gate is."""
    if not kept or judged.refusals:
        return "refused"
    return "waits" if judged.unsigned else "passed"


def found(finding: Finding) -> str:
    """`found 0.713 (95 % interval 0.705 to 0.721, 84194 rows)`."""
    if finding.value is None and finding.timed:
        return finding.note
    if finding.value is None:
        return f"nothing could be found{': ' + finding.note if finding.note else ''}"
    text = f"found {finding.value:.6g}"
    facts = []
    if finding.low is not None and finding.high is not None:
        facts.append(f"95 % interval {finding.low:.6g} to {finding.high:.6g}")
    if finding.n is not None:
        facts.append(many(finding.n, "row"))
    text += f" ({', '.join(facts)})" if facts else ""
    if finding.note:
        text += f"; {finding.note}"
    if finding.more_rows:
        text += f"; about {finding.more_rows} more rows would settle it"
    return text


def alarmed(alarm: Alarm) -> str:
    """What an alarm was raised for, as of a finding."""
    return found(broken(alarm))


def broken(alarm: Alarm) -> Finding:
    """The finding that an alarm was raised for."""
    return Finding(
        subject=alarm.release,
        digest="",
        promise=alarm.promise,
        verdict="broken",
        value=alarm.value,
        low=alarm.low,
        high=alarm.high,
        n=alarm.n,
        note=alarm.note,
    )


def latest(findings: Iterable[Finding], digest: str) -> dict[str, Finding]:
    """The latest finding per promise on exactly these bytes; `findings` come in the ledger's order."""
    return {finding.promise: finding for finding in findings if finding.digest == digest}


def counts(decision: Decision, seq: int, people: Sequence[tuple[int, Account]]) -> bool:
    """Whether this decision, the ledger's event `seq`, is one. `people`: every version of every account, in order.

    Where there was an account by then, only what was proven counts, and only of somebody who held that role at that
    moment: later changes of the role take no Yes back, or a leaver would stop what runs. A No lasts as long as its
    author holds the role; whoever holds it after them has to sign in their stead.
    """
    if not any(at < seq for at, _ in people):
        return True
    then = [account for at, account in people if at < seq and account.name == decision.by]
    if not decision.proven or not then or not _holds(then[-1], decision.role):
        return False
    now = [account for _, account in people if account.name == decision.by][-1]
    return decision.yes or _holds(now, decision.role)


def _holds(account: Account, role: str) -> bool:
    return account.role != "none" and role in account.signs


def judge_gate(
    release: Release, model_digest: str, findings: Iterable[Finding], decisions: Iterable[Decision]
) -> Judgement:
    """Judge a release on the latest findings about its model and the latest decision of each person on its bytes."""
    gate, by_promise = release.gate, latest(findings, model_digest)
    said: dict[tuple[str, str], Decision] = {}
    for decision in decisions:
        if decision.digest == release.digest:
            said[person(decision.by), decision.role] = decision  # a person may change their mind; the last word counts
    yes = [d for d in said.values() if d.yes and may_sign(release, d.by, d.role, ()) is None]
    first: list[Decision] = []
    waits = list(gate.signed_by)  # a role that stands twice asks for two people
    for decision in yes:
        if decision.role in waits and all(person(other.by) != person(decision.by) for other in first):
            first.append(decision)
            waits.remove(decision.role)
    return Judgement(
        findings=tuple(by_promise[p] for p in gate.promises if p in by_promise),
        unmeasured=tuple(p for p in gate.promises if p not in by_promise),
        signatures=tuple(first),
        unsigned=tuple(waits),
        refusals=tuple(d for d in said.values() if not d.yes),
    )


def may_sign(release: Release, by: str, role: str, decisions: Iterable[Decision]) -> str | None:
    """Why this person may not sign in this role, or None. Neither the author nor who trained its model counts, and one
    person signs one role.
    """
    gate = release.gate
    if role not in gate.signed_by:
        wanted = ", ".join(gate.signed_by) or "nobody's signature"
        return f"the gate {gate.name} does not ask for a signature as {role}; it asks for {wanted}"
    if person(by) == person(release.author):
        return f"{by} is the author of {release.ref}, and the author's signature never counts"
    if person(by) in map(person, release.trained_by):
        return f"{by} trained the model of {release.ref}, and whose work it is never counts"
    for decision in decisions:
        same_bytes = decision.digest == release.digest and decision.yes
        if same_bytes and person(decision.by) == person(by) and decision.role != role:
            return f"{by} has already signed {release.ref} as {decision.role}; one person signs one role"
    return None


def person(name: str) -> str:
    """One person, however the name is typed."""
    return unicodedata.normalize("NFKC", name).strip().casefold()
