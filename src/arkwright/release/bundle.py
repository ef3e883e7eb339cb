"""What a signature in the OpenSSF format says, and whether a key said it.

The library of the format takes longer to import than a server to start, so it only signs; what it still accepts of
older formats is refused here. Sources: Model Signing Specification 1.0, DSSE 1.0.0, in-toto Statement 1, Sigstore
bundle 0.3.
"""

import base64
import binascii
import hashlib
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from arkwright.core.errors import Corrupt, Refused

HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}
T = TypeVar("T")
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class _Strict(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Outside of what is signed nothing may be that is not looked at."""


class _PublicKey(_Strict):
    hint: str


class _Material(_Strict):
    public_key: _PublicKey
    tlog_entries: Annotated[list[Any], msgspec.Meta(max_length=0)]


class _Signature(_Strict):
    sig: str
    keyid: Literal[""] = ""


class _Envelope(_Strict):
    payload: str
    payload_type: Literal["application/vnd.in-toto+json"]
    signatures: Annotated[list[_Signature], msgspec.Meta(min_length=1, max_length=1)]


class _Bundle(_Strict):
    media_type: Literal["application/vnd.dev.sigstore.bundle.v0.3+json"]
    verification_material: _Material
    dsse_envelope: _Envelope


class _Digest(msgspec.Struct):
    sha256: _Sha256


class _Subject(msgspec.Struct):
    digest: _Digest


class _Resource(msgspec.Struct):
    name: str
    algorithm: Literal["sha256"]
    digest: _Sha256


class _Serialization(msgspec.Struct):
    method: Literal["files"]
    hash_type: Literal["sha256"]
    allow_symlinks: Literal[False]


class _Predicate(msgspec.Struct):
    serialization: _Serialization
    resources: list[_Resource]


class _Statement(msgspec.Struct, rename={"type": "_type", "predicate_type": "predicateType"}):
    type: Literal["https://in-toto.io/Statement/v1"]
    subject: Annotated[list[_Subject], msgspec.Meta(min_length=1, max_length=1)]
    predicate_type: Literal["https://model_signing/signature/v1.0"]
    predicate: _Predicate


def signed(data: bytes, key: ec.EllipticCurvePublicKey, name: str) -> dict[str, str]:
    """Path -> SHA-256 of all that `key` signed, as the signature `data` of the release `name` says.

    Raises Refused when another key signed it; Corrupt when it is no signature, or not as it was written.
    """
    bundle = _read(data, _Bundle, name)
    if bundle.verification_material.public_key.hint != _hint(key):
        raise Refused(f"{name} was not signed with the key {fingerprint(key)[:16]}… of this site, but with another")
    envelope = bundle.dsse_envelope
    payload = _bytes(envelope.payload, name)
    kind = envelope.payload_type.encode()
    said = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    try:
        key.verify(_bytes(envelope.signatures[0].sig, name), said, ec.ECDSA(HASHES[key.curve.name]()))
    except InvalidSignature:
        raise Corrupt(f"the signature of {name} does not fit its own text: it was changed") from None
    return _files(_read(payload, _Statement, name), name)


def fingerprint(key: ec.EllipticCurvePublicKey) -> str:
    """SHA-256 of the public key (SubjectPublicKeyInfo, DER), by which people compare keys."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _hint(key: ec.EllipticCurvePublicKey) -> str:
    return hashlib.sha256(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _files(statement: _Statement, name: str) -> dict[str, str]:
    """The subject is the digest of all digests; no file is named twice."""
    resources = statement.predicate.resources
    whole = hashlib.sha256(b"".join(bytes.fromhex(one.digest) for one in resources)).hexdigest()
    files = {one.name: one.digest for one in resources}
    if whole != statement.subject[0].digest.sha256 or len(files) != len(resources):
        raise Corrupt(f"the signature of {name} contradicts itself")
    return files


def _read(data: bytes, kind: type[T], name: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Corrupt(f"the signature of {name} cannot be read: {' '.join(str(error).split())[:300]}") from None


def _bytes(text: str, name: str) -> bytes:
    """Base64 may spell the same bytes in several ways, by bits that no decoder reads; one of them was written."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        data = b""
    if base64.b64encode(data).decode() != text:
        raise Corrupt(f"the signature of {name} is not spelt as it was written")
    return data
