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

    def test_a_turn_whose_connection_broke_is_lost(self, vault):
        ends = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        with vault.alone("watch") as held:
            assert held()
            vault._link.rows(ends)
            assert not held()
        with vault.alone("watch") as held:
            assert held()
