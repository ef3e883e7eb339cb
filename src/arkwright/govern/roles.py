"""What each role may do. Pure."""

from arkwright.core.errors import Forbidden, Invalid, did_you_mean
from arkwright.core.nouns import Account

# each role may do what the ones before it may, and what stands beside it
ROLES: dict[str, tuple[str, ...]] = {
    "none": (),
    "viewer": ("look", "talk"),
    "contributor": ("work",),
    "owner": ("own",),
}
RIGHTS: dict[str, str] = {
    "look": "see everything that is on record",
    "talk": "discuss, ask, sign in the roles that the account holds",
    "work": "run, propose promises, label, log",
    "own": "move endpoints, let people in, change roles",
}
_NEEDED = {right: role for role, rights in ROLES.items() for right in rights}


def may(role: str, right: str) -> bool:
    """Whether this role has the right."""
    order = list(ROLES)
    return order.index(role) >= order.index(_NEEDED[right])


def must(account: Account, right: str) -> None:
    """Raises Forbidden saying which role has the right."""
    if not may(account.role, right):
        has = f"{account.name} is a {account.role}" if account.role != "none" else f"{account.name} is shut out"
        raise Forbidden(f"to {RIGHTS[right].split(',')[0]} one must be {_NEEDED[right]}; {has}")


def lesser(one: str, other: str) -> str:
    """The role that may do less."""
    return min(one, other, key=list(ROLES).index)


def known(role: str) -> str:
    """Raises Invalid for a word that is no role."""
    if role not in ROLES:
        raise Invalid(f"{role[:40]!r} is no role{did_you_mean(role, ROLES)}")
    return role
