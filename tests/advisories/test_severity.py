"""How bad an advisory is: the vectors and scores are FIRST's own examples of CVSS v3.1 and v4.0."""

import msgspec
import pytest

from arkwright.advisories.entry import Rating, decode
from arkwright.advisories.severity import severity, worst

V3, V4 = "CVSS_V3", "CVSS_V4"


def rated(entry, *ratings, **more):
    more.setdefault("database_specific", None)
    one = decode(msgspec.json.encode(entry(**more)))
    return severity(one, [Rating(*rating) for rating in ratings])


@pytest.mark.parametrize(
    ("kind", "vector", "word"),
    [
        (V3, "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", "low"),  # 3.1, CVE-2014-3566
        (V3, "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", "medium"),  # 6.1, CVE-2013-1937
        (V3, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", "high"),  # 7.5, CVE-2014-0160
        (V3, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "critical"),  # 9.8, CVE-2014-6271
        (V3, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", "none"),  # 0.0
        (V4, "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "high"),  # 7.3, CVE-2022-41741
        (V4, "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:L/VA:L/SC:N/SI:N/SA:N", "high"),  # 8.3, CVE-2023-3089
        (V4, "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "critical"),  # 9.3
        ("CVSS_V2", "AV:N/AC:L/Au:N/C:P/I:N/A:N", "medium"),  # 5.0, CVE-2014-0160
    ],
)
def test_a_vector(entry, kind, vector, word):
    assert rated(entry, (kind, vector)) == word


def test_the_word_of_the_database_goes_before_vectors(entry):
    vector = (V3, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
    assert rated(entry, vector, database_specific={"severity": "MODERATE"}) == "medium"
    assert rated(entry, vector, database_specific={"severity": "unheard of"}) == "critical"
    assert rated(entry, vector, database_specific={"severity": 7}) == "critical"


def test_the_newest_standard_counts(entry):
    low = (V4, "CVSS:4.0/AV:P/AC:H/AT:P/PR:H/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N")
    assert rated(entry, (V3, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"), low) == "low"


def test_a_package_made_to_do_harm_is_critical(entry):
    assert rated(entry, number="MAL-2026-1") == "critical"


@pytest.mark.parametrize("vector", ["", "CVSS:3.1/AV:N", "CVSS:3.1/" + "AV:N/" * 5000, "CVSS:9.9/A:B", "\0", "7.5"])
def test_what_is_no_vector_rates_nothing(entry, vector):
    assert rated(entry, (V3, vector), (V4, vector), ("CVSS_V2", vector), ("Ubuntu", "low")) is None


def test_the_worst():
    assert worst(["low", None, "critical", "none"]) == "critical"
    assert worst([None]) is None
