"""An event as a receiver takes it: CloudEvents 1.0 for programs; Slack's, Teams' and Mattermost's own for people."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from arkwright.core.nouns import Event
from arkwright.notify.words import Link, Told, told

CLOUDEVENTS, JSON = "application/cloudevents+json; charset=utf-8", "application/json; charset=utf-8"
LARGEST = 256 << 10  # bytes of a noun that is sent along
TYPE = "io.github.arkwright-ai."  # in front of the ledger's kind
_THIN = "\u200b"  # has no width: what it parts is no mention and no markup any more


def message_id(event: Event) -> str:
    """The same whenever it is sent: a receiver knows what it has seen."""
    return f"{event.seq}-{event.seal[:16]}"


def cloudevent(event: Event, source: str, link: Link) -> dict[str, Any]:
    """CloudEvents 1.0 with the extension `sequence` (https://github.com/cloudevents/spec): `data` holds who wrote which
    noun; a noun of more than 256 KiB is left out.
    """
    said = told(event)
    noun = _raw(event.body)
    url = link(said.about)
    return {
        "specversion": "1.0",
        "id": message_id(event),
        "source": source,
        "type": TYPE + event.kind,
        "subject": said.about,
        "time": event.at,
        "sequence": f"{event.seq:019}",
        "datacontenttype": "application/json",
        "data": {
            "seq": event.seq,
            "by": event.by,
            "kind": event.kind,
            "key": event.key,
            "title": said.title,
            **({"url": url} if url else {}),
            "noun": noun,
        },
    }


def _raw(body: str) -> Any:
    if len(body) > LARGEST:
        return None
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body
    return msgspec.Raw(body.encode())


def slack(said: Told, url: str | None) -> dict[str, Any]:
    """Block Kit. What people wrote stands in `plain_text`, where nothing is marked up and nobody is called."""
    blocks: list[dict[str, Any]] = [{"type": "section", "text": _plain(said.title)}]
    if said.text:
        blocks.append({"type": "section", "text": _plain(said.text)})
    if url:
        shown = f"<{_slack(url)}|{_slack(said.about)}>"
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": shown}]})
    return {"text": _slack(said.title), "blocks": blocks}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _slack(text: str) -> str:
    """https://docs.slack.dev/messaging/formatting-message-text: three characters are its markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def teams(said: Told, url: str | None) -> dict[str, Any]:
    """An Adaptive Card of text runs, which know no Markdown."""
    body = [_runs(said.title, weight="Bolder"), *([_runs(said.text)] if said.text else [])]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": url}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "summary": _no_dates(said.title), "attachments": [attachment]}


def _runs(text: str, **how: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": _no_dates(text), **how}]}


def _no_dates(text: str) -> str:
    """`{{DATE(…)}}` is a function of cards."""
    return text.replace("{{", f"{{{_THIN}{{")


def mattermost(said: Told, url: str | None) -> dict[str, Any]:
    """Markdown, all that people wrote escaped; nobody is called by it."""
    lines = [f"**{_markdown(said.title)}**", *([_markdown(said.text)] if said.text else [])]
    if url:
        lines.append(f"[{_markdown(said.about)}]({url})")
    return {"text": "\n\n".join(lines)}


def _markdown(text: str) -> str:
    escaped = re.sub(r"([\\`*_{}\[\]<>()#+.!|~:=-])", r"\\\1", text)
    return escaped.replace("@", f"@{_THIN}")


CHATS: dict[str, Callable[[Told, str | None], Mapping[str, Any]]] = {
    "slack": slack,
    "teams": teams,
    "mattermost": mattermost,
}
FORMS = ("cloudevents", *CHATS)


def body(form: str, event: Event, source: str, link: Link) -> tuple[bytes, str]:
    """(the bytes, their content type)"""
    if form == "cloudevents":
        return msgspec.json.encode(cloudevent(event, source, link)), CLOUDEVENTS
    said = told(event)
    return msgspec.json.encode(CHATS[form](said, link(said.about))), JSON
