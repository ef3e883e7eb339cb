"""Whether a version is one that an advisory speaks of, by the evaluation of the OSV schema and PEP 440."""

import msgspec
import pytest

from arkwright.advisories.entry import decode, normal
from arkwright.advisories.matching import matches
from arkwright.measures.shipped import Advisory


def known(entries, name="requests", version="2.19.0"):
    found = {}
    for one in entries:
        for affected in one["affected"]:
            found.setdefault(normal(affected["package"]["name"]), []).append(decode(msgspec.json.encode(one)))
    return matches([(name, version)], found)


@pytest.mark.parametrize(
    ("events", "version", "affected"),
    [
        ((("introduced", "0"), ("fixed", "2.20.0")), "2.19.1", True),
        ((("introduced", "0"), ("fixed", "2.20.0")), "2.20.0", False),
        ((("introduced", "0"), ("fixed", "2.20.0")), "2.20.0rc1", True),  # before it, by PEP 440
        ((("introduced", "0"), ("fixed", "2.20.0")), "2.20", False),
        ((("introduced", "0"), ("fixed", "2.20.0")), "1!1.0", False),  # a later epoch
        ((("introduced", "0"), ("fixed", "2.20.0")), "2.20.0.post1", False),
        ((("introduced", "0"), ("last_affected", "2.3.1")), "2.3.1", True),
        ((("introduced", "0"), ("last_affected", "2.3.1")), "2.3.2", False),
        ((("introduced", "2.3"), ("fixed", "2.31")), "2.2.9", False),
        ((("introduced", "1"), ("introduced", "2"), ("fixed", "2"), ("fixed", "3")), "2", True),  # brought back at once
        ((("introduced", "2.3"),), "99", True),  # never fixed
        ((("fixed", "1.8.2"), ("introduced", "0"), ("introduced", "2.0.1"), ("fixed", "2.3.1")), "2.0.0", False),
        ((("fixed", "1.8.2"), ("introduced", "0"), ("introduced", "2.0.1"), ("fixed", "2.3.1")), "2.1", True),
        ((("last_affected", "1.0"), ("introduced", "1.0")), "1.0", True),  # one version, in whichever order
        ((("last_affected", "1.0"), ("introduced", "1.0")), "1.1", False),
        ((("introduced", "0"), ("last_affected", "2.0.1")), "2.0.1+cu118", True),  # a build of it
        ((("introduced", "0"), ("fixed", "2.0.1")), "2.0.1+cu118", False),
        ((("introduced", "0"), ("fixed", "2.0.2")), "2.0.1+cu118", True),
        ((("introduced", "0"), ("last_affected", "1.0+ours.1")), "1.0+ours.1", True),
        ((("introduced", "0"), ("last_affected", "1.0+ours.1")), "1.0+ours.2", False),
    ],
)
def test_ranges(entry, events, version, affected):
    assert bool(known([entry(events=events)], version=version)) is affected


def test_a_list_of_versions_counts_beside_ranges(entry):
    one = entry(events=(("introduced", "3.2"), ("fixed", "3.2.19")))
    one["affected"][0]["versions"] = ["3.2rc1", "0.7.10p1"]
    assert known([one], version="3.2rc1")[0].sure
    assert known([one], version="3.2RC1")[0].sure  # the same version, as PEP 440 spells it
    assert known([one], version="0.7.10p1")[0].sure  # which is none, but is in the list
    assert known([one], version="0.7.11p1") == ()


def test_a_build_of_a_listed_version_is_that_version(entry):
    one = entry(name="torch", events=(("introduced", "3"),))
    one["affected"][0]["versions"] = ["2.0.1", "2.1+ours.1"]
    assert known([one], "torch", "2.0.1+cu118")[0].sure
    assert known([one], "torch", "2.1+ours.1")[0].sure
    assert known([one], "torch", "2.1+cu118") == ()  # what is said of one build is not said of another
    assert known([one], "torch", "2.1") == ()


def test_the_name_may_be_spelt_otherwise(entry):
    assert known([entry(name="My_Package.Name")], name="my-package--name")
    assert known([entry(name="request")]) == ()


def test_other_ecosystems_and_commits_are_not_held_against_a_version(entry):
    other = entry()
    other["affected"][0]["package"]["ecosystem"] = "npm"
    assert known([other]) == ()
    commits = entry()
    commits["affected"][0]["ranges"].append({"type": "GIT", "events": [{"introduced": "0"}]})
    assert known([commits], version="2.30") == ()


def test_what_cannot_be_compared_may_be_one(entry):
    strange = entry(events=(("introduced", "0"), ("fixed", "r2018-final")))
    assert [one.sure for one in known([strange])] == [False]
    assert [one.sure for one in known([entry()], version="2018-built-by-hand")] == [False]
    assert [one.sure for one in known([entry(events=(("fixed", "3"),))])] == [False]  # since when, nobody says
    assert [one.sure for one in known([entry(events=())])] == [False]


def test_it_names_the_first_version_without_it(entry):
    found = known([entry(events=(("introduced", "0"), ("fixed", "1.5"), ("introduced", "2"), ("fixed", "2.20.0")))])
    assert found == (
        Advisory(package="requests", version="2.19.0", id="GHSA-x84v-xcm2-53pg", severity="high", fixed="2.20.0",
                 names=("GHSA-x84v-xcm2-53pg",)),
    )  # fmt: skip
    assert str(found[0]) == "requests 2.19.0: GHSA-x84v-xcm2-53pg high (fixed in 2.20.0)"
    assert known([entry(events=(("introduced", "0"),))])[0].fixed is None


def test_several_names_are_one_vulnerability(entry):
    github = entry(aliases=["CVE-2018-18074"])
    python = entry("PYSEC-2018-28", aliases=["CVE-2018-18074"], database_specific=None)
    again = entry("PYSEC-2020-1", aliases=["PYSEC-2018-28"], database_specific={"severity": "CRITICAL"})
    assert [(one.id, one.severity) for one in known([python, again, github])] == [("GHSA-x84v-xcm2-53pg", "critical")]
    names = {"GHSA-x84v-xcm2-53pg", "PYSEC-2018-28", "PYSEC-2020-1", "CVE-2018-18074"}
    assert {*known([python, again, github])[0].names} == names
    assert len(known([python, entry("PYSEC-2023-74", aliases=["CVE-2023-32681"])])) == 2


def test_a_name_that_would_break_the_line_does_not(entry):
    [one] = known([entry("GHSA-1\n\x1b[2Jkept" + "x" * 1000)])
    assert len(one.id) < 100
    assert one.id.isprintable()
