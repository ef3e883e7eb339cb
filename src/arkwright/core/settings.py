"""What `site.toml` may say of the world outside a site. Read strictly in `infra/site_file.py`."""

from typing import Literal

from msgspec import Struct


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
