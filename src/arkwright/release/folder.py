"""A release as a folder: a manifest (path -> SHA-256), the folder written from it, and the folder held against it."""

import hashlib
import os
import re
import shutil
import stat
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from arkwright.core.errors import Corrupt, Invalid
from arkwright.core.ports import Store
from arkwright.core.record import digest_of

LONGEST_PATH = 200
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHOWN = 5


def check_path(path: str) -> str:
    """The path itself. Raises Invalid unless it is a plain relative path that means one file on every system.

    Plain: parts joined by `/`, none of them empty, `.` or `..`, ending in a dot or a space, or a device of Windows;
    normalised (NFC), no control or invisible characters, no backslash, colon or wildcard; at most 200 characters.
    """
    if not isinstance(path, str) or not 0 < len(path) <= LONGEST_PATH or len(path.encode("utf-8", "replace")) > 255:
        raise Invalid(f"{str(path)[:40]!r} … is no path of a file: it must have 1 to {LONGEST_PATH} characters")
    bad = [c for c in path if unicodedata.category(c)[0] == "C" or unicodedata.category(c) in ("Zl", "Zp")]
    if bad or any(c in '\\:*?"<>|' for c in path) or unicodedata.normalize("NFKC", path) != path:
        raise Invalid(f"the path {path!r} holds characters that do not mean the same everywhere; use plain letters")
    for part in path.split("/"):
        if part in ("", ".", "..") or part[-1] in ". " or part[0] in "~ " or _DEVICE.fullmatch(part):
            raise Invalid(f"the path {path!r} leaves its folder or names no file; write it like code/a.py")
    return path


_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


def manifest_digest(files: Mapping[str, str]) -> str:
    """The digest that is signed: of the canonical JSON of path -> digest. Raises Invalid for a bad path or digest."""
    check_manifest(files)
    return digest_of(dict(files))


def check_manifest(files: Mapping[str, str]) -> None:
    """Raises Invalid unless every path is plain, every digest is one, and no two paths can be one file somewhere."""
    seen: dict[str, str] = {}
    for path, digest in files.items():
        check_path(path)
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise Invalid(f"{path} has no SHA-256 digest but {str(digest)[:80]!r}")
        if (twin := seen.setdefault(path.casefold(), path)) != path:
            raise Invalid(f"{twin} and {path} are one file where upper and lower case are the same; rename one")
    for path in seen:
        for parent in _parents(path):
            if parent in seen:
                raise Invalid(f"{seen[parent]} cannot be a file and a folder at once")


def kept(store: Store, digest: str, what: str) -> Path:
    """The verified file of this digest. Raises Lost or Corrupt as the store does, saying of `what` it is."""
    try:
        return store.path(digest)
    except Corrupt as error:
        raise type(error)(f"{what}: {error}") from None


def check_kept(store: Store, files: Mapping[str, str], release: str) -> None:
    """Raises Lost or Corrupt for a file of this release that is not what was kept."""
    for path, digest in sorted(files.items()):
        kept(store, digest, f"{path} of {release}")


def write(store: Store, files: Mapping[str, str], dest: Path, release: str) -> None:
    """Lay out a release in the folder `dest` from verified bytes; it is there wholly or not at all.

    Files are copies, readable by all and writable by none. Raises Invalid when `dest` is there and not empty; Lost or
    Corrupt as the store does.
    """
    check_manifest(files)
    if dest.is_symlink() or (dest.exists() and (not dest.is_dir() or any(dest.iterdir()))):
        raise Invalid(f"{dest} is not empty; a release is laid out in a new folder")
    half = dest.with_name(f".{dest.name}.half-{os.getpid()}")
    shutil.rmtree(half, ignore_errors=True)
    try:
        half.mkdir(parents=True)
        for path, digest in sorted(files.items()):
            target = half / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kept(store, digest, f"{path} of {release}"), target)
            target.chmod(0o444)
        verify_folder(half, files, release)
        half.replace(dest)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def verify_folder(folder: Path, files: Mapping[str, str], release: str, *, beside: Collection[str] = ()) -> None:
    """Hold a release's folder against its manifest, exactly: no file more (but those named in `beside`), none less,
    every byte.

    Raises Corrupt naming what differs; links, hard links, pipes and devices differ always.
    """
    check_manifest(files)
    wrong: list[str] = []
    found = set()
    for path, kind in _walk(folder, "", release):
        if kind != "file":
            wrong.append(f"{path} is a {kind}")
        elif path not in files and path not in beside:
            wrong.append(f"{path} was added")
        found.add(path)
    folders = {parent for path in files for parent in _parents(path)}
    wrong = [w for w in wrong if not (w.endswith(" is a folder") and w.removesuffix(" is a folder") in folders)]
    wrong += [f"{path} is missing" for path in sorted(set(files) - found)]
    wrong += [f"{path} was changed" for path in sorted(set(files) & found) if _digest(folder / path) != files[path]]
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise Corrupt(f"{release} is not what was made: {', '.join(wrong[:_SHOWN])}{more}")


def _walk(folder: Path, base: str, release: str) -> Iterator[tuple[str, str]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise Corrupt(f"{release} cannot be read: {error.strerror}") from None
    for entry in entries:
        path = f"{base}{entry.name}"
        facts = entry.stat(follow_symlinks=False)
        kind = _KINDS.get(stat.S_IFMT(facts.st_mode), "special file")
        if kind == "file" and facts.st_nlink > 1:
            kind = "hard link"
        yield path, kind
        if kind == "folder":
            yield from _walk(folder / entry.name, f"{path}/", release)


_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


def _digest(path: Path) -> str | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        with os.fdopen(handle, "rb", closefd=False) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    finally:
        os.close(handle)


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]
