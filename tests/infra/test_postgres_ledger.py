"""PostgreSQL, a real one."""

import pytest

from arkwright.infra.postgres_ledger import PostgresLedger
from arkwright.testing.ledger import LedgerContract


class TestContract(LedgerContract):
    @pytest.fixture(autouse=True)
    def _address(self, postgres, schema):
        self.url = postgres.url(schema)

    def open(self, folder):
        return PostgresLedger(self.url, folder / "ledger.head")
