"""A verified release folder, ready to answer."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np

from arkwright.core import rows as core_rows
from arkwright.core.errors import ArkwrightError, Corrupt, Invalid
from arkwright.core.ports import Served
from arkwright.core.record import digest_of, split_reference, valid_name
from arkwright.core.rows import Field
from arkwright.core.safeguards.words import RULES
from arkwright.core.signature import Signature, Tensor
from arkwright.serve.model import company, features, guards
from arkwright.serve.model.arrow.rows import ArrowRows
from arkwright.serve.model.features import Prepare
from arkwright.serve.model.graph import Graph, NoGraph, Port
from arkwright.serve.model.guards import Guards
from arkwright.serve.model.rows import RowDecoder
from arkwright.serve.model.signed import Signed
from arkwright.serve.model.usercode import load_object
from arkwright.serve.wire.messages import Problem

log = logging.getLogger("arkwright.serve")


@dataclass(frozen=True, slots=True)
class Loaded:
    """One endpoint. `prepare` makes the graph's inputs of decoded rows; `fast` when no code of the user's runs in it.

    `headers` name the release in every answer, as whole lines; `tail` ends a JSON answer with it. `guards`: the rules
    that answer before the graph or instead of it, if the release has any.
    """

    endpoint: str
    release: str
    version: str
    digest: str
    signature: Signature
    graph: Graph
    rows: RowDecoder
    prepare: Prepare
    arrow: ArrowRows
    fast: bool
    headers: bytes
    tail: bytes
    guards: Guards | None = None


def load(folder: Path, *, endpoint: str, release: str, digest: str, files: Mapping[str, str] | None = None) -> Loaded:
    """Load a release folder. `release` is its reference, like `release:late@3`; `files` what was signed: each path
    with its SHA-256, whose own digest is `digest`. Without it the folder is taken as it is.

    Raises Corrupt when the folder is not what was signed, to the byte that is loaded or signature.json spells no
    signature; Invalid when it and the graph or the code disagree, Missing without model.onnx or rules.json, Refused for
    a graph that no release may hold.
    """
    valid_name(endpoint, "endpoint")
    _, version = split_reference(release, "release")
    if files is not None and digest_of(dict(files)) != digest:
        raise Corrupt(f"{release} does not have the digest that was signed")
    signed = Signed(folder, files)
    signature = _signature(signed)
    graph = NoGraph() if signed.has(RULES) else Graph(folder / "model.onnx", signed)
    _same(signature.inputs, graph.inputs, "input")
    _same(signature.outputs, graph.outputs, "output")
    fields = core_rows.from_columns(signature.columns)
    prepare = _prepare(signed, signature=signature, graph=graph, fields=fields, digest=digest)
    takes = [(graph.inputs[tensor.name], tensor.columns or (tensor.name,)) for tensor in signature.inputs]
    loaded = Loaded(
        endpoint=endpoint,
        release=release,
        version=str(version or 1),
        digest=digest,
        signature=signature,
        graph=graph,
        rows=RowDecoder(fields, signature.target),
        arrow=ArrowRows(fields, signature.target, prepare, takes if signature.features is None else None),
        prepare=prepare,
        fast=signature.features is None,
        headers=f"Arkwright-Release: {release}\r\nArkwright-Digest: {digest}\r\n".encode("ascii"),
        tail=f',"release":"{release}","digest":"{digest}"}}'.encode("ascii"),
        guards=guards.load(signed, signature),
    )
    signed.settle()
    _warm_up(loaded)
    return loaded


def load_served(served: Served, endpoint: str) -> Loaded:
    """The same of what a supervisor was given."""
    return load(served.folder, endpoint=endpoint, release=served.release, digest=served.digest, files=served.files)


def _signature(signed: Signed) -> Signature:
    try:
        return msgspec.json.decode(signed.read("signature.json"), type=Signature, strict=True)
    except FileNotFoundError:
        raise Invalid(f"{signed.folder.name} holds no signature.json; it is not a release") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Corrupt(f"signature.json is not a model's signature: {error}") from None


def _same(said: tuple[Tensor, ...], found: Mapping[str, Port], what: str) -> None:
    for tensor in said:
        if tensor.name not in found:
            raise Invalid(f"signature.json names the {what} {tensor.name!r}, which model.onnx has not")
        port = found[tensor.name]
        if port.kind.name != tensor.datatype:
            raise Invalid(f"signature.json says {tensor.name!r} is {tensor.datatype}, and model.onnx {port.kind.name}")
        width = port.shape[1] if len(port.shape) > 1 else None
        if len(port.shape) == 2 and tensor.columns and width not in (None, len(tensor.columns)):
            raise Invalid(f"signature.json gives {tensor.name!r} {len(tensor.columns)} columns, and model.onnx {width}")
    missing = set(found) - {tensor.name for tensor in said}
    if missing:
        raise Invalid(f"model.onnx has the {what} {min(missing)!r}, which signature.json does not name")


def _prepare(signed: Signed, *, signature: Signature, graph: Graph, fields: tuple[Field, ...], digest: str) -> Prepare:
    if signature.features is None:
        return features.straight(signature, graph, fields)
    function = load_object(signed, signature.features.file, signature.features.function, digest)
    match signature.features.takes:
        case "row" | "mapping":
            return features.through_rows(signature, graph, function, fields)
        case "polars" | "pandas" | "arrow":
            return features.through_frames(signature, graph, function, fields)
        case other:
            raise Invalid(f"features take {other!r}, which no server knows (polars, pandas, arrow, row, mapping)")


def _warm_up(loaded: Loaded) -> None:
    """Runs before the first caller's: imports, arenas, what a row costs, and whether it stays itself beside others. A
    made-up row may be nonsense to the project's code.
    """
    row = loaded.rows.struct(**core_rows.example(loaded.rows.fields))
    try:
        loaded.prepare([row])
    except (ArkwrightError, Problem) as error:
        log.info("%s: the made-up row for warming up was refused: %s", loaded.endpoint, error)
    if not loaded.graph.inputs:
        return
    zeros = {
        port.name: np.full([size or 1 for size in port.shape], "" if port.kind.python is str else 0, port.kind.dtype)
        for port in loaded.graph.inputs.values()
    }
    try:
        loaded.graph.run(zeros)
        start = perf_counter()
        loaded.graph.run(zeros)
        loaded.graph.row_seconds = perf_counter() - start
        if loaded.graph.batches and company.mixes_rows(loaded.graph):
            log.warning("%s answers a row otherwise beside others: each row is computed by itself", loaded.release)
            loaded.graph.batches = False
    except Exception as error:  # noqa: BLE001 - onnxruntime has no public class for its errors
        log.info("%s: made-up rows for warming up were refused: %s", loaded.endpoint, str(error)[:300])
