"""Signatures of a release folder in the OpenSSF format (Model Signing Specification 1.0), with a key of our own.

Whoever has the public key can check a release without Arkwright: `model_signing verify key FOLDER --signature FILE
--public-key FILE`. Its library signs; what it signed is read in `bundle`.
"""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from arkwright.core.errors import Corrupt, Invalid, Refused
from arkwright.release import bundle
from arkwright.release.folder import verify_folder
from arkwright.release.openssf import library

PRIVATE, PUBLIC, SIGNATURE = "release.key", "release.pub", "model.sig"
LARGEST_SIGNATURE = 4 << 20


def make_key(keys: Path) -> Path:
    """The folder's public key; both are made when there are none (EC P-256; the private one for its owner only).

    Raises Refused when only the public half is there: its releases could never be signed again under that name.
    """
    private, public = keys / PRIVATE, keys / PUBLIC
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    left_alone = public.exists()  # looked at first: who makes both at this moment makes the private one before it
    if not private.exists():
        if left_alone:
            raise Refused(f"{private} is gone, so nothing can be signed; put it back, or remove {public} for a new one")
        key = ec.generate_private_key(ec.SECP256R1())
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        with contextlib.suppress(FileExistsError):  # somebody else made one just now: theirs counts
            _create(private, pem, 0o600)
    if not public.exists():
        with contextlib.suppress(FileExistsError):
            _create(public, _public_pem(private), 0o644)
    return public


def sign(folder: Path, signature: Path, keys: Path) -> None:
    """Sign every byte of `folder`; `signature` is written wholly or not at all, inside the folder or elsewhere.

    Makes the key when there is none. Raises Refused for a key that others can read, Invalid for one that is none or
    for a folder with links.
    """
    make_key(keys)
    private = keys / PRIVATE
    if private.stat().st_mode & 0o077:
        raise Refused(f"{private} can be read by others than its owner; make a new key, or: chmod 600 {private}")
    _public_pem(private)
    place = folder.parent if signature.is_relative_to(folder) else signature.parent
    half = place / f".{signature.name}.half-{os.getpid()}"
    try:
        hashing = _hashing(folder, signature)
        signer: Any = library().signing.Config()
        signer.use_elliptic_key_signer(private_key=private).set_hashing_config(hashing).sign(folder, half)
        half.replace(signature)
    except ValueError as error:
        raise Invalid(f"{folder} cannot be signed: {_plain(error)}") from None
    finally:
        half.unlink(missing_ok=True)


def verify(folder: Path, signature: Path, keys: Path, release: str) -> None:
    """Check that the key in `keys` signed exactly what is in `folder`, where this release lies.

    Raises Refused when there is no signature, no key, or another signer; Corrupt when the signature is damaged or a
    file was changed, added or removed, saying which; Invalid when the key is none.
    """
    signed = files(signature, keys, release)
    beside = [str(signature.relative_to(folder))] if signature.is_relative_to(folder) else []
    try:
        verify_folder(folder, signed, release, beside=beside)
    except Invalid as error:  # another tool signs names that mean different files on different systems
        raise Corrupt(f"the signature of {release} cannot be read: {error}") from None


def files(signature: Path, keys: Path, name: str) -> dict[str, str]:
    """Path -> SHA-256 of all that the key in `keys` signed of the release `name`. Raises as `verify` does."""
    public = keys / PUBLIC
    if not public.is_file():
        raise Refused(f"there is no key {public} to check the signature of {name} with")
    if not signature.is_file():
        raise Refused(f"{name} is not signed; promote it, which signs it")
    if signature.stat().st_size > LARGEST_SIGNATURE:
        raise Corrupt(f"the signature of {name} is not one: it has {signature.stat().st_size} bytes")
    return bundle.signed(signature.read_bytes(), _public_key(public), name)


def fingerprint(public: Path) -> str:
    """SHA-256 of the public key (SubjectPublicKeyInfo, DER), by which people compare keys. Raises Invalid."""
    return bundle.fingerprint(_public_key(public))


def _public_key(public: Path) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_pem_public_key(public.read_bytes())
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid(f"{public} is no public key") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in bundle.HASHES:
        raise Invalid(f"{public} is not a key on one of the curves {', '.join(bundle.HASHES)}")
    return key


def _hashing(folder: Path, signature: Path) -> Any:
    """All files of the folder but the signature itself; by default the library would overlook .git and the like."""
    inside = [signature.relative_to(folder)] if signature.is_relative_to(folder) else []
    config: Any = library().hashing.Config()
    return config.set_ignored_paths(paths=inside, ignore_git_paths=False)


def _public_pem(private: Path) -> bytes:
    try:
        key = serialization.load_pem_private_key(private.read_bytes(), None)
    except (ValueError, TypeError):
        raise Invalid(f"{private} is no private key without a password; put the right one back") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Invalid(f"{private} is not an elliptic curve key; remove it for a new one")
    public = key.public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _create(path: Path, data: bytes, mode: int) -> None:
    """A new file that is there wholly or not at all, and never for other eyes in between."""
    handle, half = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # for its owner only
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        os.link(half, path)  # unlike a rename, never over somebody else's
    finally:
        Path(half).unlink()


def _plain(error: BaseException) -> str:
    """One bounded line of the library's message."""
    return " ".join(str(error).split())[:300]
