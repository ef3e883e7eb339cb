"""The verb `predict`: one answer, computed here as the server computes it."""

from pathlib import Path
from typing import Any

from arkwright.api.endpoints.traffic import verified
from arkwright.core import versions
from arkwright.core.errors import Refused
from arkwright.core.nouns import Actor, Endpoint
from arkwright.serve.model import loaded as serving
from arkwright.serve.rest.predict import predict_once
from arkwright.sites import Site


def predict(site: Site, by: Actor, project: Path, *, endpoint: str, rows: bytes) -> Any:
    """The answer of an endpoint's release to rows (a JSON object or list), computed here. Raises Invalid, and
    Refused while the endpoint is stopped.
    """
    noun = versions.resolve(site.ledger, Endpoint, endpoint)
    if noun.stopped:
        raise Refused(f"{noun.name} is stopped by {noun.stopped}: {noun.reason}")
    with verified(site, max(noun.shares, key=noun.shares.__getitem__)) as found:
        loaded = serving.load(found.folder, endpoint=noun.name, release=found.release, digest=found.digest)
        return predict_once(loaded, rows)
