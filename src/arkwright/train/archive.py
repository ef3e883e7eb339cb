"""A skops file as bytes: looked at before anything in it is built, and written so that equal models are equal bytes."""

import io
import json
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

_SCHEMA = "schema.json"
_CLOCK = (1980, 1, 1, 0, 0, 0)
_OLDEST_PROTOCOL = 2  # a file chooses by its protocol which checks skops makes; ours never had an older one

# What skops may do to build something. Not here: calling a class or a method, which no model that we keep needs, and
# sparse matrices, whose compressed bytes can be a bomb and whose indices are followed unchecked.
_LOADERS = {
    "BytearrayNode",
    "BytesNode",
    "DTypeNode",
    "DefaultDictNode",
    "DictNode",
    "FunctionNode",
    "JsonNode",
    "ListNode",
    "LossNode",
    "MaskedArrayNode",
    "NdArrayNode",
    "ObjectNode",
    "RandomGeneratorNode",
    "RandomStateNode",
    "SetNode",
    "SliceNode",
    "TreeNode",
    "TupleNode",
    "TypeNode",
}
_AS_TYPES = {"collections.OrderedDict"}  # of what we trust beyond skops, this alone occurs as a type, to be called
_VALUES = {"BytesNode", "DTypeNode", "FunctionNode", "JsonNode", "SliceNode", "TupleNode", "TypeNode"}


def check(data: bytes, trusted: Collection[str]) -> list[str]:
    """What the file would do to build its objects that no model of ours needs; empty for a sound one.

    Raises ValueError, or whatever a broken archive makes Python raise, when it is no skops file, or one that takes
    more memory than it has bytes.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sizes = _sizes(archive, len(data))
        schema = json.loads(archive.read(_SCHEMA))
    protocol = schema["protocol"]
    if not isinstance(protocol, int) or protocol < _OLDEST_PROTOCOL:
        raise ValueError(f"its protocol is {protocol!r}")
    seen: set[int] = set()
    found: set[str] = set()
    for node in _nodes(schema):
        name = f"{node['__module__']}.{node['__class__']}"
        loader = node["__loader__"]
        as_type = loader in ("TypeNode", "FunctionNode") and name in trusted and name not in _AS_TYPES
        if loader not in _LOADERS or as_type:
            found.add(f"{name} by {loader}")
        read = node.get("file")
        if read is not None and node.get("__id__") not in seen:
            sizes[""] -= sizes[read]  # the same member may be read again and again
            if sizes[""] < 0:
                raise ValueError("it reads more than it holds")
            seen.update([node["__id__"]] if "__id__" in node else [])
    return sorted(found)


def _sizes(archive: zipfile.ZipFile, total: int) -> dict[str, int]:
    """Size by member, and under "" that of the file. Stored members only, each name once: no bomb, no twin."""
    sizes = {"": total}
    for member in archive.infolist():
        if member.filename in sizes:
            raise ValueError(f"the member {member.filename[:40]!r} occurs twice")
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"the member {member.filename[:40]!r} is compressed")
        sizes[member.filename] = member.file_size
    return sizes


def _nodes(root: Any) -> Iterator[dict[str, Any]]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            if isinstance(node.get("__loader__"), str):
                yield node
            waiting += node.values()


def canonical(data: bytes) -> bytes:
    """The same file for the same model.

    Skops names members and objects by memory address or at random; they are numbered instead. A value that cannot
    change (a number, a text, a tuple) gets no number: whether Python made it once or twice is no part of the model.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    numbered = _Numbered()
    schema = numbered.node(json.loads(members.pop(_SCHEMA)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for place, old in enumerate(numbered.files):
            member = _without_padding(members[old]) if old.endswith(".npy") else members[old]
            new.writestr(zipfile.ZipInfo(f"{place}{Path(old).suffix}", _CLOCK), member)
        new.writestr(zipfile.ZipInfo(_SCHEMA, _CLOCK), json.dumps(schema, separators=(",", ":")))
    return out.getvalue()


def _without_padding(data: bytes) -> bytes:
    """An array without what happened to lie in memory between the fields of its records, which would be published."""
    array = np.load(io.BytesIO(data), allow_pickle=False)
    if array.dtype.names is None:
        return data
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    out = io.BytesIO()
    np.save(out, clean, allow_pickle=False)
    return out.getvalue()


class _Numbered:
    """Ids and member names in the order in which they are met."""

    def __init__(self) -> None:
        self.ids: dict[int, int] = {}
        self.files: list[str] = []
        self.places: dict[str, int] = {}

    def node(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.node(item) for item in node]
        if not isinstance(node, dict):
            return node
        if node.get("__loader__") == "SetNode":  # the order of a set of texts changes from process to process
            node["content"] = sorted(node["content"], key=_text)
        if node.get("__loader__") == "DictNode":
            node["content"] = _with_keys(node)
        value = _is_value(node)
        done: dict[str, Any] = {}
        for key, inner in node.items():
            if key == "__id__" and isinstance(inner, int):  # a user's dict may have such a key; it holds a node
                if not value:
                    done[key] = self.ids.setdefault(inner, len(self.ids) + 1)
            elif key == "file" and isinstance(inner, str):
                done[key] = self._file(inner, shared=not value)
            else:
                done[key] = self.node(inner)
        return done

    def _file(self, name: str, *, shared: bool) -> str:
        place = self.places.setdefault(name, len(self.files)) if shared else len(self.files)
        if place == len(self.files):
            self.files.append(name)
        return f"{place}{Path(name).suffix}"


def _with_keys(node: dict[str, Any]) -> dict[str, Any]:
    """JSON has keys of text only. Skops makes them anew by calling their type, and bool("false") is True."""
    types, content = node["key_types"]["content"], node["content"]
    found = {
        "" if kind["__class__"] in ("bool", "bool_") and key == "false" else key: inner
        for kind, (key, inner) in zip(types, content.items(), strict=False)
    }
    if len(found) != len(types):
        raise ValueError("it has a dict whose keys are the same as texts, such as 1 and '1'")
    return found


def _is_value(node: dict[str, Any]) -> bool:
    scalar = node.get("__loader__") == "NdArrayNode" and node.get("__class__") != "ndarray"
    return scalar or node.get("__loader__") in _VALUES


def _text(node: Any) -> str:
    """A node without addresses, to sort by."""
    if isinstance(node, dict):
        node = {key: _text(inner) for key, inner in node.items() if key not in ("__id__", "file")}
    elif isinstance(node, list):
        node = [_text(inner) for inner in node]
    return json.dumps(node, sort_keys=True)
