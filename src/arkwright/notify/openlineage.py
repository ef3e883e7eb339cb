"""Runs of the line as OpenLineage run events (https://openlineage.io, spec 2-0-2): what went in, what came out, and
which promises were kept. To a URL, or as lines of a file.
"""

import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from arkwright.core import versions
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Artifact, Dataset, Event, Finding, Model, Release, Run
from arkwright.core.ports import Ledger
from arkwright.core.promises import parse
from arkwright.core.record import decode
from arkwright.core.rules import found as in_words
from arkwright.core.rules import latest
from arkwright.core.settings import Lineage
from arkwright.notify import address
from arkwright.notify.failed import Failed
from arkwright.notify.parts import Part
from arkwright.notify.post import post

KEY = "ARKWRIGHT_OPENLINEAGE_KEY"
PRODUCER = "https://github.com/arkwright-ai/arkwright"
_SPEC = "https://openlineage.io/spec/"
_EVENT = _SPEC + "2-0-2/OpenLineage.json#/$defs/RunEvent"
_STATES = {"started": "START", "finished": "COMPLETE", "failed": "FAIL"}
_KINDS: dict[str, type[Dataset] | type[Model] | type[Release]] = {k.KIND: k for k in (Dataset, Model, Release)}
Json = dict[str, Any]


@dataclass(frozen=True)
class Lines:
    """Where lineage goes, as the outbox knows it."""

    ledger: Ledger
    settings: Lineage
    folder: Path  # from where a file's name is read
    source: str
    id = "openlineage"
    begins = True

    def parts(self, event: Event) -> Sequence[Part]:
        return (Part("", lambda: self._send(event)),) if event.kind == Run.KIND else ()

    def _send(self, event: Event) -> None:
        body = json.dumps(run_event(self.ledger, event, self.settings.namespace, self.source)).encode()
        if not self.settings.to.startswith(("http://", "https://")):
            _append(self.folder / self.settings.to, body)
            return
        key = os.environ.get(KEY)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        # the machine's owner wrote the address into site.toml: it may be anywhere
        post(address.parse(self.settings.to), body, headers, address.EVERYWHERE)


def run_event(ledger: Ledger, event: Event, namespace: str, source: str) -> Json:
    """One event of a run. What came before the line is an input: the snapshots of its sources."""
    run = decode(Run, event.body)
    made = [_noun(ledger, ref) for ref in (*run.made, *run.reused)]
    # a receiver knows a dataset by its name: of several versions the newest stands for all
    newest = {(noun.KIND, noun.name): noun for noun in sorted(filter(None, made), key=lambda noun: noun.version)}
    nouns = list(newest.values())
    ins = [noun for noun in nouns if isinstance(noun, Dataset) and not noun.parents]
    outs = [noun for noun in nouns if noun not in ins]
    return {
        "eventType": _STATES.get(run.state, "OTHER"),
        "eventTime": event.at,
        "producer": PRODUCER,
        "schemaURL": _EVENT,
        "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{source}/{run.ref}")), "facets": _run_facets(run)},
        "job": {"namespace": namespace, "name": run.name, "facets": _job_facets()},
        "inputs": [_dataset(noun, namespace, {}) | {"inputFacets": _checks(ledger, noun)} for noun in ins],
        "outputs": [_dataset(noun, namespace, _checks(ledger, noun)) | {"outputFacets": _size(noun)} for noun in outs],
    }


def _noun(ledger: Ledger, reference: str) -> Artifact | None:
    kind = _KINDS.get(reference.partition(":")[0])
    try:
        return versions.resolve(ledger, kind, reference) if kind else None
    except ArkwrightError:
        return None


def _facet(kind: str, number: str, /, **fields: Any) -> Json:
    return {"_producer": PRODUCER, "_schemaURL": f"{_SPEC}facets/{number}/{kind}.json#/$defs/{kind}", **fields}


def _run_facets(run: Run) -> Json:
    engine = {"name": "arkwright", "version": version("arkwright")}
    facets = {"processing_engine": _facet("ProcessingEngineRunFacet", "1-1-1", **engine)}
    if run.error:
        facets["errorMessage"] = _facet(
            "ErrorMessageRunFacet", "1-0-1", message=run.error, programmingLanguage="python"
        )
    return facets


def _job_facets() -> Json:
    words = {"processingType": "BATCH", "integration": "ARKWRIGHT", "jobType": "LINE"}
    return {"jobType": _facet("JobTypeJobFacet", "2-0-4", **words)}


def _dataset(noun: Artifact, namespace: str, more: Json) -> Json:
    """Under its reference without the version; with its version and its columns."""
    facets = {"version": _facet("DatasetVersionDatasetFacet", "1-0-1", datasetVersion=str(noun.version))}
    if isinstance(noun, Dataset):
        columns = [{"name": c.name, "type": c.type, "ordinal_position": i} for i, c in enumerate(noun.columns, 1)]
        facets["schema"] = _facet("SchemaDatasetFacet", "1-2-0", fields=columns)
    return {"namespace": namespace, "name": f"{noun.KIND}:{noun.name}", "facets": facets | more}


def _checks(ledger: Ledger, noun: Artifact) -> Json:
    """Every promise that was measured on exactly these bytes, as it stands."""
    digest = noun.digest
    found = latest(versions.findings(ledger, digest), digest).values()
    made = [_assertion(finding) for finding in found]
    if not made:
        return {}
    return {"dataQualityAssertions": _facet("DataQualityAssertionsDatasetFacet", "1-1-0", assertions=made)}


def _assertion(finding: Finding) -> Json:
    return {
        "assertion": parse(finding.promise).call.name,
        "success": finding.verdict == "kept",
        "name": finding.promise,
        "actual": in_words(finding),
        "content": finding.promise,
        "contentType": "expression",
        "severity": "error",
    }


def _size(noun: Artifact) -> Json:
    if not isinstance(noun, Dataset):
        return {}
    return {"outputStatistics": _facet("OutputStatisticsOutputDatasetFacet", "1-0-2", rowCount=noun.rows)}


def _append(path: Path, body: bytes) -> None:
    """One line, durably."""
    try:
        with path.open("ab") as file:
            file.write(body + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Failed(f"{path.name} cannot be written: {(error.strerror or '').lower()}") from None
