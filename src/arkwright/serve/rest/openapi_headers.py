"""Headers that are read, and headers of answers, for the OpenAPI document. Each is described once."""

from collections.abc import Sequence
from typing import Any

from arkwright.serve.model.loaded import Loaded

Described = dict[str, Any]
_TEXT = {"type": "string"}
_ASKED = {
    "Arkwright-Key": "Requests with the same key go to the same release, as long as the shares stay",
    "X-Request-Id": "The answer's name in logs and for labels: 1 to 128 visible ASCII characters; else it is as none",
    "traceparent": "W3C trace context, which is continued; a wrong one is as none",
    "tracestate": "W3C trace context, handed on with traceparent",
    "Accept-Encoding": "Predictions of more than 1 KiB come as gzip or deflate",
}
_TIMEOUT = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
_CODINGS = {"enum": ["gzip", "x-gzip", "deflate", "identity"]}
_SIZE = {"type": "integer", "minimum": 1}
_SECONDS = {"type": "integer", "minimum": 1}
NAMED = "X-Request-Id"  # read of every request, and told by every answer to one that has it
TRACED = ("traceparent", "tracestate")  # read of every request, where requests are noted
POSTED = ("Content-Encoding",)
PREDICTED = (*POSTED, "Arkwright-Timeout-Ms", "Accept-Encoding")
INFERRED = (*PREDICTED, "Inference-Header-Content-Length")
ANSWERED = ("Arkwright-Release", "Arkwright-Digest")
PACKED = ("Content-Encoding", "Vary")  # of a large answer
PAGE = ("Content-Security-Policy", "X-Content-Type-Options", "Vary")
_COMING = {"429": ("Retry-After",), "503": ("Retry-After!",), "405": ("Allow",)}


def parameters() -> Described:
    """The headers that are read, for the document's components."""
    found = {name: _asked(name, words, _TEXT) for name, words in _ASKED.items()}
    return found | {
        "Arkwright-Timeout-Ms": _asked(
            "Arkwright-Timeout-Ms",
            "Milliseconds after which nobody needs the answer: 504, and it is not computed",
            _TIMEOUT,
        ),
        "Content-Encoding": _asked("Content-Encoding", "How the body is compressed", _CODINGS),
        "Inference-Header-Content-Length": _asked(
            "Inference-Header-Content-Length", "Bytes of JSON in front of binary tensors", _SIZE
        ),
    }


def headers() -> Described:
    """The headers of answers, for the document's components."""
    told = {
        "Arkwright-Release": ("The release that answered", _TEXT, True),
        "Arkwright-Digest": ("The SHA-256 of its manifest", _TEXT, True),
        "X-Request-Id": ("The caller's own, or one made for it where answers are logged", _TEXT, False),
        "Content-Encoding": ("The coding that Accept-Encoding asked for", {"enum": ["gzip", "deflate"]}, False),
        "Vary": ("What else of the request decides how the answer is written", _TEXT, False),
        "Inference-Header-Content-Length": ("Bytes of JSON in front of binary tensors", _SIZE, False),
        "Content-Security-Policy": ("Of the page", _TEXT, False),
        "X-Content-Type-Options": ("Of the page", _TEXT, False),
        "Allow": ("The methods that this path answers", _TEXT, True),
        "Retry-After": ("Seconds after which to come again", _SECONDS, True),
        "Retry-After!": ("Seconds after which to come again, where that helps", _SECONDS, False),
    }
    return {
        _key(name): {"description": words, "required": required, "schema": schema}
        for name, (words, schema, required) in told.items()
    }


def asks(*names: str) -> list[Described]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def answers(*names: str) -> Described:
    """The entry `headers` of an answer; a name with `!` is not on every such answer."""
    return {name.rstrip("!"): {"$ref": f"#/components/headers/{_key(name)}"} for name in names}


def refused(code: str) -> Described:
    """The entry `headers` of a refusal."""
    return answers(*_COMING.get(code, ()), NAMED)


def predicted(*names: str) -> Described:
    """The entry `headers` of a prediction."""
    return answers(*ANSWERED, *PACKED, *names)


def release(one: Loaded, versions: Sequence[str]) -> Described:
    """Which release shall answer, spelt in any way that is understood."""
    stem = one.release.removeprefix("release:").rpartition("@")[0]
    spelt = [f"{before}{version}" for version in versions for before in (f"release:{stem}@", f"{stem}@", "")]
    return _asked(
        "Arkwright-Release", "Which release shall answer, for testers; else the shares decide", {"enum": spelt}
    )


def _asked(name: str, words: str, schema: Described) -> Described:
    return {"name": name, "in": "header", "required": False, "description": words, "schema": schema}


def _key(name: str) -> str:
    return name.replace("!", ".sometimes")
