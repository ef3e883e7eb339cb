"""What `site.toml` may say of the world outside a site. Read strictly in `infra/site_file.py`."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from arkwright.core import durations


class Webhooks(Struct, frozen=True, forbid_unknown_fields=True):
    """`allow`: networks of one's own to which webhooks may go; else only https to public addresses."""

    allow: tuple[str, ...] = ()


class Mail(Struct, frozen=True, forbid_unknown_fields=True, rename={"sender": "from"}):
    """Where mail is handed in (`server`: host:port) and in whose name; the password: $ARKWRIGHT_MAIL_PASSWORD."""

    server: str
    sender: str
    user: str | None = None
    tls: Literal["starttls", "tls", "none"] = "starttls"


class Lineage(Struct, frozen=True, forbid_unknown_fields=True):
    """Where OpenLineage events go: a URL (with the key in $ARKWRIGHT_OPENLINEAGE_KEY) or a file of JSON lines."""

    to: str
    namespace: str = "arkwright"


class Login(Struct, frozen=True, forbid_unknown_fields=True):
    """An OpenID Connect provider through which people may log in. Its secret: $ARKWRIGHT_OIDC_SECRET or `secret_file`.

    Without an invitation enters who has a verified address in one of `domains`, as `role`, or is in one of `groups`, as
    the role beside it; an owner of the provider's choosing should be meant so.
    """

    issuer: str
    client: str
    secret_file: str | None = None
    label: str = ""  # on the button; the issuer's host where it is empty
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    domains: tuple[str, ...] = ()
    role: Literal["viewer", "contributor"] = "viewer"
    groups: dict[str, Literal["viewer", "contributor", "owner"]] = {}
    groups_claim: str = "groups"


class Advisories(Struct, frozen=True, forbid_unknown_fields=True):
    """Where known vulnerabilities are looked up (`source`): a zip, folder or file in OSV format, or an address.

    A path is meant from the site's folder. Older than `max_age` they prove nothing.
    """

    source: str
    max_age: Annotated[str, Meta(pattern=durations.PATTERN)] = "7d"


class Packages(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the newest versions of packages are looked up (`source`): a zip, folder or file of versions by name or as
    an index lists them (PEP 691), or the address of an index. Older than `max_age` they prove nothing.
    """

    source: str
    max_age: Annotated[str, Meta(pattern=durations.PATTERN)] = "30d"
