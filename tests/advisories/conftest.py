"""Advisories as osv.dev gives them, cut to what is read."""

from datetime import UTC, datetime

import msgspec
import pytest

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def advisory(number="GHSA-x84v-xcm2-53pg", name="requests", events=(("introduced", "0"), ("fixed", "2.20.0")), **more):
    """One entry; `events` of one range of PyPI's versions."""
    ranges = [{"type": "ECOSYSTEM", "events": [{kind: at} for kind, at in events]}]
    affected = {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}
    return {
        "schema_version": "1.7.3",
        "id": number,
        "modified": "2026-11-28T03:04:05.678901Z",
        "published": "2018-10-29T19:06:46Z",
        "summary": "Insufficiently Protected Credentials in Requests",
        "affected": [affected],
        "database_specific": {"severity": "HIGH", "cwe_ids": ["CWE-522"]},
        **more,
    }


@pytest.fixture
def entry():
    return advisory


@pytest.fixture
def written(tmp_path):
    """A folder with these entries, one file for each."""

    def write(*entries, folder="advisories"):
        out = tmp_path / folder
        out.mkdir(exist_ok=True)
        for one in entries:
            (out / f"{one['id']}.json").write_bytes(msgspec.json.encode(one))
        return out

    return write
