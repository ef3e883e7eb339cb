"""A git checkout: one edit of one tracked file becomes a commit, and nothing else of anybody's work is touched.

The commit is made beside the index, from what HEAD says. Then its entry in the index and the file get the same edit,
and last the branch moves, by compare-and-set. Whatever ends in between leaves an edit that is not committed yet, and
the next try goes on from there. No hook runs.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from arkwright.core.durable import publish, writing
from arkwright.core.errors import Invalid, Refused, Unknown
from arkwright.core.visible import visible

_BUSY = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "BISECT_LOG": "a bisection",
}
_CALM = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
_TRIES, _PATIENCE = 5, 60
Edit = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Person:
    """As git knows people."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{_plain(self.name)} <{_plain(self.email)}>"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A tracked file of a work tree. `path`: from its top, with slashes."""

    top: Path
    path: str

    def commit(self, edit: Edit, message: str, *, author: Person, committer: Person) -> str | None:
        """The commit with this edit of the file; None where HEAD says it already. An edit that is there stays as it is.

        Raises Refused while something else is going on here, or where the file stands otherwise than HEAD says.
        """
        for _ in range(_TRIES):
            branch, head = self._calm()
            mode, blob = self._of_head(head)
            text = self._text(blob)
            wanted = self._edited(edit, text, "HEAD")
            staged, put = self._staged(edit), self._worked(edit)  # nothing is written where one of them refuses
            if staged:
                self._git("update-index", "--cacheinfo", f"{staged[0]},{staged[1]},{self.path}")
            if put is not None:
                self._put(put)
            if wanted == text:
                return None
            made = self._made(head, mode, self._blob(wanted), message, author, committer)
            moved = self._try("update-ref", "-m", f"arkwright: {message.splitlines()[0]}", branch, made, head)
            if moved.returncode == 0:
                return made
        raise Refused("other commits come in all the time; try again in a moment")

    def change(self, commit: str) -> tuple[str, str]:
        """The file before and after a commit. Raises Refused where git has it no more, or under another name."""
        return self._text(f"{commit}^:{self.path}"), self._text(f"{commit}:{self.path}")

    def _calm(self) -> tuple[str, str]:
        """The branch and its commit. Raises Refused where a commit would land in the middle of something."""
        for name, what in _BUSY.items():
            if (self.top / self._git("rev-parse", "--git-path", name)).exists():
                raise Refused(f"{what} is under way in {self.top}; end it first")
        branch = self._try("symbolic-ref", "-q", "HEAD").stdout.decode().strip()
        if not branch:
            raise Refused(f"{self.top} is on no branch (detached HEAD), where a commit would get lost; switch to one")
        return branch, self._git("rev-parse", "--verify", "HEAD^{commit}")

    def _of_head(self, head: str) -> tuple[str, str]:
        entry = self._git("ls-tree", head, "--", self.path)
        mode, kind, blob = entry.partition("\t")[0].split() if entry else ("", "", "")
        if kind != "blob" or mode not in ("100644", "100755"):
            raise Refused(f"{self.path} is no plain file of HEAD in {self.top}; commit it first")
        return mode, blob

    def _staged(self, edit: Edit) -> tuple[str, str] | None:
        """(mode, blob) that the index is to have; None where it says it already."""
        lines = self._git("ls-files", "-s", "--", self.path).splitlines()
        found = [line.partition("\t")[0].split() for line in lines]
        if len(found) != 1 or found[0][2] != "0":
            raise Refused(f"{self.path} is not settled in the index of {self.top}; settle it first: git status")
        mode, blob, _ = found[0]
        text = self._text(blob)
        wanted = self._edited(edit, text, "the index")
        return None if wanted == text else (mode, self._blob(wanted))

    def _worked(self, edit: Edit) -> str | None:
        """What the file itself is to say; None where it says it already."""
        file = self.top / self.path
        if file.is_symlink():
            raise Refused(f"{self.path} is a link; edit what it leads to by hand")
        text = _decoded(file.read_bytes(), self.path)
        wanted = self._edited(edit, text, "the file")
        return None if wanted == text else wanted

    def _put(self, text: str) -> None:
        """At once or not at all."""
        file = self.top / self.path
        beside = file.with_name(f".{file.name}.arkwright")
        with writing(file.name, beside):
            beside.write_bytes(text.encode())
            beside.chmod(file.stat().st_mode)
            publish(beside, file)

    def _edited(self, edit: Edit, text: str, where: str) -> str:
        try:
            return edit(text)
        except Unknown:
            raise Refused(
                f"{self.path} has changes at this place that are not committed ({where} says otherwise); "
                "commit them first, or take the patch"
            ) from None

    def _made(self, head: str, mode: str, blob: str, message: str, author: Person, committer: Person) -> str:
        with tempfile.TemporaryDirectory(prefix="arkwright-") as folder:
            aside = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git("read-tree", head, env=aside)
            self._git("update-index", "--cacheinfo", f"{mode},{blob},{self.path}", env=aside)
            tree = self._git("write-tree", env=aside)
        who = {"GIT_AUTHOR_NAME": _plain(author.name), "GIT_AUTHOR_EMAIL": _plain(author.email)}
        who |= {"GIT_COMMITTER_NAME": _plain(committer.name), "GIT_COMMITTER_EMAIL": _plain(committer.email)}
        return self._git("commit-tree", tree, "-p", head, "-F", "-", given=message.encode(), env=who)

    def _blob(self, text: str) -> str:
        return self._git("hash-object", "-w", "--stdin", given=text.encode())

    def _text(self, blob: str) -> str:
        done = self._try("cat-file", "blob", blob)
        if done.returncode:
            raise Refused(_why(done))
        return _decoded(done.stdout, self.path)

    def _git(self, *words: str, given: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        done = self._try(*words, given=given, env=env)
        if done.returncode:
            raise Refused(_why(done))
        return done.stdout.decode().strip()

    def _try(
        self, *words: str, given: bytes = b"", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return _run(self.top, *words, given=given, env=env)


def find(file: Path) -> Checkout | None:
    """The checkout in which this file is tracked; None where there is none, or no git. One that git does not trust,
    since it is another user's, says so at the commit.
    """
    folder = file.parent
    try:
        top = _run(folder, "rev-parse", "--show-toplevel")
        inside = _run(folder, "rev-parse", "--show-prefix")
    except (FileNotFoundError, NotADirectoryError):
        return None
    if b"dubious ownership" in top.stderr:
        return Checkout(folder, file.name)
    if top.returncode or inside.returncode or not top.stdout.strip():
        return None
    path = inside.stdout.decode().rstrip("\n") + file.name
    known = _run(folder, "ls-files", "--error-unmatch", "--", file.name)
    return None if known.returncode else Checkout(Path(top.stdout.decode().rstrip("\n")), path)


def _run(
    folder: Path, *words: str, given: bytes = b"", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Git as it is by itself: no repository, index or hook that the environment speaks of."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_LITERAL_PATHSPECS": "1"}
    command = ["git", *_CALM, *words]
    try:
        return subprocess.run(
            command,
            cwd=folder,
            input=given,
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
            env=own | dict(env or {}),
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"git did not answer within {_PATIENCE} s") from None


def _why(done: subprocess.CompletedProcess[bytes]) -> str:
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return f"git refused: {visible(said[0])[:300] if said else done.returncode}"


def _decoded(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Invalid(f"{path} is not UTF-8; save the file as UTF-8") from None


def _plain(text: str) -> str:
    """What git takes as a name or an address."""
    return visible(text).replace("<", "(").replace(">", ")").replace("\n", " ").strip(" .,:;'\"") or "somebody"
