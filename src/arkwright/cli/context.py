"""What every word starts from: the project's folder or a site alone, and who acts."""

import argparse
import getpass
import os
import subprocess
from dataclasses import replace
from pathlib import Path

from arkwright.api.people.accounts import has_accounts
from arkwright.api.people.entering import prove
from arkwright.core.errors import Invalid, Unknown, Unproven
from arkwright.core.nouns import Actor
from arkwright.core.visible import visible
from arkwright.govern.secrets import TOKEN
from arkwright.sites import FOLDER, Site, existing, is_site, local


def project(given: argparse.Namespace) -> Path:
    """The folder named, or the nearest one upwards that holds an `arkwright.toml`. Raises Unknown."""
    if given.project:
        return Path(given.project).resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "arkwright.toml").is_file():
            return folder
    raise Unknown(f"there is no arkwright.toml in {here} or above; start with: arkwright new NAME")


def site(given: argparse.Namespace) -> Site:
    return local(project(given))


def site_option(parser: argparse.ArgumentParser) -> None:
    """For a word that needs no project."""
    parser.add_argument(
        "--site", metavar="DIR", help="act on this site, without a project (default: the project's, or the one here)"
    )


def where(given: argparse.Namespace) -> tuple[Site, Path]:
    """The site that is named, else the project's, else the one in the nearest folder upwards that has one; and the
    project, or the site's own folder where there is none. Raises Unknown.
    """
    if given.site is not None and given.project:
        raise Invalid("name a project or a site, not both: a project has a site of its own")
    if given.site is not None:
        named = existing(Path(given.site).resolve())
        return named, named.folder
    here = Path.cwd()
    for folder in () if given.project else (here, *here.parents):
        if (folder / "arkwright.toml").is_file():
            break
        if is_site(folder / FOLDER):
            return Site(folder / FOLDER), folder / FOLDER
    try:
        found = project(given)
    except Unknown as error:
        raise Unknown(f"{error}; or name a site: --site DIR") from None
    return local(found), found


def given_role(parser: argparse.ArgumentParser, what: str, default: str | None = None) -> None:
    """`--role` where it is the role that is given to somebody: who gives it proves who they are, and declares none."""
    parser.add_argument("--role", dest="to", metavar="ROLE", default=default, help=what)
    parser.set_defaults(role=None)


def actor(given: argparse.Namespace) -> Actor:
    """Who acts: proven by $ARKWRIGHT_TOKEN, or as declared: --by, $ARKWRIGHT_BY, git's user.email, the login name."""
    secret = os.environ.get("ARKWRIGHT_TOKEN")
    if secret:
        return _proven(given, secret)
    name = given.by or os.environ.get("ARKWRIGHT_BY") or _git_user() or getpass.getuser()
    for text in (name, given.role or ""):
        if visible(text) != text or "\n" in text:
            raise Invalid(f"{text[:80]!r} cannot go on record as a name or a role; use plain letters")
    return Actor(name=name.strip(), role=given.role)


def _proven(given: argparse.Namespace, secret: str) -> Actor:
    found = where(given)[0] if hasattr(given, "site") else site(given)
    if not has_accounts(found):
        raise Unproven("$ARKWRIGHT_TOKEN is set, but this site has no accounts; unset it")
    known = prove(found, TOKEN, secret).actor
    if given.by and given.by.strip() != known.name:
        raise Invalid(f"$ARKWRIGHT_TOKEN is {known.name}'s, not {given.by[:80]}'s; leave --by out")
    return replace(known, role=given.role)


def _git_user() -> str:
    try:
        asked = subprocess.run(["git", "config", "user.email"], capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip()
