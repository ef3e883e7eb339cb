"""What each role may do. Pure."""

from arkwright.core.errors import Forbidden, Invalid, did_you_mean
from arkwright.core.nouns import Actor

# each role may do what the ones before it may, and what stands beside it
ROLES: dict[str, tuple[str, ...]] = {
    "none": (),
    "viewer": ("look", "talk", "self"),
    "contributor": ("work",),
    "owner": ("own",),
}
RIGHTS: dict[str, str] = {
    "look": "see everything that is on record",
    "talk": "discuss, ask, propose promises, sign in the roles that the account holds",
    "work": "run, label, log",
    "own": "move endpoints, let people in, change roles",
    "self": "change one's own password, sessions and tokens",
}
_NEEDED = {right: role for role, rights in ROLES.items() for right in rights}


MACHINE = "arkwright"  # who acts where nobody does: reminds, reacts. No account may be called so


def may(role: str, right: str) -> bool:
    """Whether this role has the right."""
    order = list(ROLES)
    return order.index(role) >= order.index(_NEEDED[right])


def rights(role: str, *, token: bool = False) -> tuple[str, ...]:
    """All that this role may do. A token is never let near its owner's password, sessions and tokens."""
    return tuple(right for right in RIGHTS if may(role, right) and not (token and right == "self"))


def must(by: Actor, right: str) -> None:
    """Raises Forbidden saying which role has the right."""
    if right in by.rights:
        return
    if right == "self" and by.rights:
        raise Forbidden(f"to {RIGHTS[right]} one must log in; a token may not")
    raise Forbidden(f"to do this one must be {_NEEDED[right]}; what {by.name} proved is less")


def lesser(one: str, other: str) -> str:
    """The role that may do less."""
    return min(one, other, key=list(ROLES).index)


def known(role: str) -> str:
    """Raises Invalid for a word that is no role."""
    if role not in ROLES:
        raise Invalid(f"{role[:40]!r} is no role{did_you_mean(role, ROLES)}")
    return role
