"""The bill of materials: CycloneDX 1.6 with the model card in it (cyclonedx.org/docs/1.6/json).

Written without a clock and with a serial number made from the content, so that the same model gives the same bytes.
"""

import re
import uuid
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from arkwright.core.errors import Corrupt
from arkwright.core.nouns import Column, Finding
from arkwright.core.record import digest_of
from arkwright.core.signature import Signature
from arkwright.release.facts import Card, Lineage

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)(.*)", re.DOTALL)
_PYPI = "pkg:pypi/"
_LONGEST_LICENCE = 100  # some packages put the whole text where the name belongs


def bill(
    signature: Signature, findings: Sequence[Finding], lineage: Lineage, card: Card, model_digest: str
) -> dict[str, Any]:
    """The document as JSON values. `model_digest`: SHA-256 of `model.onnx`, or of `rules.json`."""
    packages = [_package(name, one) for name, one in _installed(lineage.engines).items()]
    datasets = [_dataset(name, origin.digest) for name, origin in sorted(lineage.data.items())]
    model = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": signature.model,
        "version": model_digest[:12],
        "description": card.purpose,
        "hashes": [{"alg": "SHA-256", "content": model_digest}],
        "licenses": [{"license": {"name": card.license}}],
        "modelCard": _model_card(signature, findings, lineage, card),
    }
    made_by = [{"type": "application", "name": "arkwright", "version": lineage.engines.get("arkwright", "0")}]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": model,
            "tools": {"components": made_by},
            "supplier": {"name": card.owner},
        },
        "components": [*packages, *datasets],
        "dependencies": [{"ref": "model", "dependsOn": sorted(c["bom-ref"] for c in (*packages, *datasets))}],
    }
    return {**document, "serialNumber": f"urn:uuid:{uuid.UUID(hex=digest_of(document)[:32], version=4)}"}


def _model_card(signature: Signature, findings: Sequence[Finding], lineage: Lineage, card: Card) -> dict[str, Any]:
    metrics = []
    for finding in findings:
        if finding.value is None:
            continue
        metric: dict[str, Any] = {"type": finding.promise, "value": repr(finding.value)}
        metric["slice"] = finding.subject.split("@")[0]
        if finding.low is not None and finding.high is not None:
            metric["confidenceInterval"] = {"lowerBound": repr(finding.low), "upperBound": repr(finding.high)}
        metrics.append(metric)
    for group in card.groups:
        where = f"{group.column} = {group.group}"
        metrics += [{"type": n, "value": repr(v), "slice": where} for n, v in sorted(group.values.items())]
    return {
        "modelParameters": {
            **({"approach": {"type": "supervised"}} if signature.inputs else {}),  # rules are not learnt
            "task": signature.task,
            "modelArchitecture": "ONNX graph" if signature.inputs else "decision rules",
            "datasets": [{"ref": _data_ref(name)} for name in sorted(lineage.data)],
            "inputs": [{"format": f"{t.name}: {t.datatype}"} for t in signature.inputs],
            "outputs": [{"format": f"{t.name}: {t.datatype}"} for t in signature.outputs],
        },
        "quantitativeAnalysis": {"performanceMetrics": metrics},
        "considerations": {"useCases": [card.purpose], "technicalLimitations": list(card.limits)},
        "properties": [
            {"name": "arkwright:risk", "value": card.risk},
            {"name": "arkwright:target", "value": signature.target},
            {"name": "arkwright:columns", "value": ", ".join(_spelt(c) for c in signature.columns)},
            {"name": "arkwright:seed", "value": str(lineage.seed)},
        ],
    }


def _spelt(column: Column) -> str:
    return f"{column.name}: {column.type}{' or missing' if column.nullable else ''}"


def _dataset(name: str, digest: str) -> dict[str, Any]:
    return {
        "type": "data",
        "bom-ref": _data_ref(name),
        "name": name,
        "version": digest[:12],
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "data": [{"type": "dataset", "name": name}],
    }


def _data_ref(name: str) -> str:
    return f"data:{name}"


def packages(engines: Iterable[str]) -> list[tuple[str, str]]:
    """(name, version) of every package that a bill of materials made now would list."""
    return [(name, one.version) for name, one in _installed(engines).items()]


def listed(document: Any) -> list[tuple[str, str]]:
    """The packages that a bill of materials lists. Raises Corrupt for what is none."""
    try:
        return [
            (one["name"], one["version"])
            for one in document["components"]
            if one["type"] == "library" and one["purl"].startswith(_PYPI)
        ]
    except (TypeError, KeyError, AttributeError):
        raise Corrupt("the bill of materials is not as it is written here") from None


def _installed(engines: Iterable[str]) -> dict[str, Distribution]:
    """The engines and every installed package that they need, by their names in order."""
    found: dict[str, Distribution] = {}
    waiting = sorted(engines)
    while waiting:
        name = _normal(waiting.pop())
        try:
            known = found.get(name) or distribution(name)
        except PackageNotFoundError:
            continue  # needed on other systems, or with other extras
        if name not in found:
            found[name] = known
            waiting += _needs(known.requires or ())
    return {name: found[name] for name in sorted(found)}


def _needs(requirements: Iterable[str]) -> list[str]:
    parsed = [_REQUIREMENT.match(line) for line in requirements]
    return [match[1] for match in parsed if match and "extra" not in match[2].partition(";")[2]]


def _package(name: str, package: Distribution) -> dict[str, Any]:
    purl = f"{_PYPI}{name}@{package.version}"
    made = {"type": "library", "bom-ref": purl, "name": name, "version": package.version, "purl": purl}
    licences = _licences(package)
    return {**made, "licenses": licences} if licences else made


def _licences(package: Distribution) -> list[dict[str, Any]]:
    """As the package says: an SPDX expression (PEP 639), or else the names it gives."""
    for expression in package.metadata.get_all("License-Expression", []):
        return [{"expression": expression}]
    tags = [tag.split(" :: ")[-1] for tag in package.metadata.get_all("Classifier", []) if tag.startswith("License ::")]
    names = [tag for tag in tags if tag != "OSI Approved"]
    written = "".join(package.metadata.get_all("License", [])).strip()
    if not names and written and len(written) <= _LONGEST_LICENCE and "\n" not in written:
        names = [written]
    return [{"license": {"name": name}} for name in names]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
