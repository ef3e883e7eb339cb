"""PostgreSQL, a real one."""

import pytest

from arkwright.infra.postgres_vault import PostgresVault
from arkwright.testing.vault import VaultContract


class TestContract(VaultContract):
    @pytest.fixture(autouse=True)
    def _address(self, postgres, schema):
        self.url = postgres.url(schema)

    def open(self, folder):
        return PostgresVault(self.url)
