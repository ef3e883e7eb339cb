"""A site: six engines, one for each socket. Embedded by default, in the folder `.arkwright`; its file `site.toml`
chooses others by URL: `ledger = "postgresql://host/database?schema=shop"`. The vault goes where the ledger goes.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from arkwright.catalog.catalog import Catalog
from arkwright.core.errors import Refused, Unknown, did_you_mean
from arkwright.core.ports import Host, Ledger, Runner, Store, Tables, Vault
from arkwright.govern.denied import Denials
from arkwright.infra import site_file
from arkwright.infra.reserve import Reserve
from arkwright.infra.scratch import scratch
from arkwright.tracking.tracking import Tracking

if TYPE_CHECKING:
    from arkwright.advisories.desk import Desk
    from arkwright.advisories.newest import NewestDesk
    from arkwright.govern.oidc import Provider

FOLDER, LEDGER = ".arkwright", "ledger.db"
HEAD = "ledger.head"  # the anchor of a ledger that is elsewhere

# engines are imported when they are used: a glance at the ledger should not wait for DuckDB
ENGINES: dict[str, dict[str, str]] = {
    "ledger": {
        "sqlite": "arkwright.infra.sqlite_ledger:SqliteLedger",
        "postgresql": "arkwright.infra.postgres_ledger:PostgresLedger",
    },
    "vault": {
        "sqlite": "arkwright.infra.sqlite_vault:SqliteVault",
        "postgresql": "arkwright.infra.postgres_vault:PostgresVault",
    },
    "store": {"disk": "arkwright.infra.disk_store:DiskStore"},
    "tables": {"duckdb": "arkwright.infra.duckdb_tables:DuckTables"},
    "runner": {"process": "arkwright.infra.process_runner:ProcessRunner"},
    "host": {"process": "arkwright.infra.local_host:LocalHost"},
}
SERVER = "arkwright.serve.processes.supervisor:serve"  # what a host runs: rooms do not know one another
PROVIDER = "arkwright.govern.oidc:Provider"  # it brings a client of HTTP, which nothing but a log-in needs
ADVISORIES = "arkwright.advisories.desk:Desk"  # and another, which only a promise about packages needs
NEWEST = "arkwright.advisories.newest:NewestDesk"
DEFAULT = {socket: next(iter(engines)) for socket, engines in ENGINES.items()}


@dataclass(frozen=True)
class Site:
    """The frozen bundle of six that every verb is given."""

    folder: Path
    engines: Mapping[str, str] = field(default_factory=lambda: DEFAULT)

    @cached_property
    def ledger(self) -> Ledger:
        self.folder.mkdir(parents=True, exist_ok=True)
        if url := self.settings.ledger:
            return cast(Ledger, _engine("ledger", "postgresql")(url, self.folder / HEAD))
        return cast(Ledger, self._engine("ledger")(self.folder / LEDGER))

    @cached_property
    def vault(self) -> Vault:
        self.folder.mkdir(parents=True, exist_ok=True)
        if url := self.settings.ledger:
            return cast(Vault, _engine("vault", "postgresql")(url))
        return cast(Vault, self._engine("vault")(self.folder / "vault.db"))

    @cached_property
    def settings(self) -> site_file.Settings:
        """What `site.toml` said at first: where the records are, who logs people in. Raises Invalid."""
        return site_file.read(self.folder)

    @property
    def outside(self) -> site_file.Settings:
        """What `site.toml` says now of whom to tell: webhooks, mail, lineage. Raises Invalid."""
        return self._file()

    @cached_property
    def _file(self) -> site_file.Current:
        return site_file.Current(self.folder)

    @cached_property
    def catalog(self) -> Catalog:
        """What is on record, ready to be listed and searched; whatever decides reads the ledger."""
        return Catalog(self.folder / "catalog.db", self.ledger, self.store)

    @cached_property
    def tracking(self) -> Tracking:
        """Runs that clients logged by hand, beside the ledger; their files never mix with what releases stand on."""
        folder = self.folder / "tracking"
        return Tracking(folder, cast(Store, self._engine("store")(folder / "files")))

    @property
    def tracks(self) -> bool:
        """Whether anything was logged here: looking for it begins no database."""
        database = self.folder / "tracking" / "tracking.db"
        return database.is_file() and database.stat().st_size > 0  # begun on a full disk it is empty

    @cached_property
    def denied(self) -> Denials:
        """What the control room of this machine refused."""
        return Denials(self.folder / "denied.db")

    @property
    def reserve(self) -> Reserve:
        """Room for owners on a full disk."""
        return Reserve(self.folder / "reserve")

    @cached_property
    def provider(self) -> "Provider | None":
        """Through whom people may log in, besides with a password. Raises Invalid."""
        return cast("Provider", _named(PROVIDER)(self.settings.login)) if self.settings.login else None

    @cached_property
    def store(self) -> Store:
        return cast(Store, self._engine("store")(self.folder / "store"))

    @cached_property
    def tables(self) -> Tables:
        return cast(Tables, self._engine("tables")(self.folder / "tmp"))

    @cached_property
    def runner(self) -> Runner:
        return cast(Runner, self._engine("runner")("arkwright.work"))

    @cached_property
    def host(self) -> Host:
        return cast(Host, self._engine("host")(_named(SERVER)))

    @property
    def advisories(self) -> "Desk":
        """What is known of packages, by the source that `site.toml` names now."""
        return cast("Desk", _named(ADVISORIES)(self.outside.advisories, self.folder))

    @property
    def newest(self) -> "NewestDesk":
        """Which newer versions of packages there are, by the source that `site.toml` names now."""
        return cast("NewestDesk", _named(NEWEST)(self.outside.packages, self.folder))

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def predictions(self) -> Path:
        """What endpoints answered: a folder for each."""
        return self.folder / "predictions"

    @property
    def watched(self) -> Path:
        """What was counted of them, a file for each endpoint."""
        return self.folder / "watched"

    def scratch(self, name: str) -> AbstractContextManager[Path]:
        """A folder for what is being made, gone afterwards; nothing in it is ever relied on."""
        return scratch(self.folder / "tmp", name)

    def _engine(self, socket: str) -> Any:
        return _engine(socket, self.engines[socket])


def _engine(socket: str, name: str) -> Any:
    if name not in ENGINES[socket]:
        raise Unknown(f"no {socket} is called {name!r}{did_you_mean(name, ENGINES[socket])}")
    return _named(ENGINES[socket][name])


def _named(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def local(project: Path) -> Site:
    """The site inside a project's folder."""
    return Site(project / FOLDER)


def is_site(folder: Path) -> bool:
    """Whether anything was recorded there, or is to be."""
    return (folder / LEDGER).is_file() or (folder / site_file.FILE).is_file()


def choose_ledger(site: Site, url: str) -> Site:
    """The site with its ledger and its vault at this address, from now on; tried before it is written down.

    What its file says besides stays. Raises Refused when it has a ledger elsewhere: records are never left behind.
    """
    if site.settings.ledger == url:
        return site
    if site.settings.ledger is not None or (site.folder / LEDGER).is_file():
        raise Refused(
            f"the site {site.folder} has its ledger elsewhere already, and keeps it; begin a site anew for this"
        )
    site.folder.mkdir(parents=True, exist_ok=True)
    site_file.check(url)
    _engine("ledger", "postgresql")(url, site.folder / HEAD).close()
    site_file.write(site.folder, url)
    return Site(site.folder)


def existing(folder: Path) -> Site:
    """The site in this folder, or in the folder `.arkwright` of it. Raises Unknown: none is begun by looking for it."""
    for place in (folder, folder / FOLDER):
        if is_site(place):
            return Site(place)
    raise Unknown(
        f"there is no site in {folder}: neither it nor a folder {FOLDER} in it holds a {LEDGER} or a {site_file.FILE}"
    )
