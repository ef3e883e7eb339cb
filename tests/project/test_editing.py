"""Promises edited in the file itself: comments and layout stay, and git takes the patch."""

import subprocess
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arkwright.core.errors import Refused, Unknown
from arkwright.project.editing import Change, diff, edited, made, place, standing

TOML = """# the shop
project = "shop"

[gate.production]
promises = [             # what must hold
  "roc_auc >= 0.70",     # why one
  # a line of its own
  'matches(country, "[A-Z]+") >= 0.9',
  "latency_p99_ms <= 2", "size_mb <= 5",
]
signed_by = ["owner"]    # who signs

[data.buyers]
source = "buyers.csv"    # from the till

# about the endpoint
[endpoint.buys]
promises = ["psi(spent) < 0.2"]
[gate.other]
promises = ["recall >= 0.5" # no comma behind it
]
[data.bare]
[data."visits"]
promises = []
"""


def change(place, before, after):
    section, _, name = place.partition(".")
    return Change(section=section, name=name, before=before, after=after)


CHANGES = [
    (change("gate.production", "roc_auc >= 0.70", "roc_auc >= 0.8"), ['-  "roc_auc >= 0.70",     # why one',
                                                                      '+  "roc_auc >= 0.8",     # why one']),
    (change("gate.production", 'matches(country, "[A-Z]+") >= 0.9', None),
     ["-  'matches(country, \"[A-Z]+\") >= 0.9',"]),
    (change("gate.production", None, "recall >= 0.4"), ['-  "latency_p99_ms <= 2", "size_mb <= 5",',
                                                         '+  "latency_p99_ms <= 2", "size_mb <= 5", "recall >= 0.4",']),
    (change("endpoint.buys", "psi(spent) < 0.2", None), ['-promises = ["psi(spent) < 0.2"]', "+promises = []"]),
    (change("data.buyers", None, "rows >= 100"), ['+promises = ["rows >= 100"]']),
    (change("data.bare", None, "rows >= 100"), ['+promises = ["rows >= 100"]']),
    (change("data.visits", None, 'allowed(a, ["x"]) == 1'),
     ["-promises = []", "+promises = ['allowed(a, [\"x\"]) == 1']"]),
]  # fmt: skip


def changed(text, one):
    lines = diff(text, edited(text, one), "arkwright.toml").splitlines()[2:]
    return [line for line in lines if line[:1] in "+-"]


@pytest.mark.parametrize(("one", "lines"), CHANGES)
def test_only_the_promise_changes(one, lines):
    assert changed(TOML, one) == lines
    assert made(edited(TOML, one), one)
    assert not made(TOML, one)


def test_a_new_list_stands_with_its_own_table():
    text = edited(TOML, CHANGES[4][0])
    assert 'source = "buyers.csv"    # from the till\npromises = ["rows >= 100"]\n\n# about the endpoint' in text


def test_a_comment_swallows_no_promise():
    text = edited(TOML, change("gate.other", None, "accuracy >= 0.5"))
    assert sorted(standing(text, "gate", "other")) == ["accuracy >= 0.5", "recall >= 0.5"]


@pytest.mark.parametrize("form", ["\r\n", "no end", "mark", "tail"])
@pytest.mark.parametrize(("one", "lines"), CHANGES)
def test_git_takes_the_patch(tmp_path, form, one, lines):
    text = {"\r\n": TOML.replace("\n", "\r\n"), "no end": TOML.rstrip("\n"), "mark": "\ufeff" + TOML, "tail": TOML}[
        form
    ]
    file = tmp_path / "sub" / "arkwright.toml"
    file.parent.mkdir()
    file.write_bytes(text.encode())
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    patch = diff(text, edited(text, one), "sub/arkwright.toml")
    subprocess.run([*git, "apply", "--whitespace=nowarn"], input=patch.encode(), check=True)
    assert file.read_bytes().decode() == edited(text, one)


def test_what_does_not_stand_there_is_told():
    with pytest.raises(Unknown, match=r"has no \[gate.prodction\]; did you mean \"production\""):
        edited(TOML, change("gate.prodction", None, "recall >= 1"))
    with pytest.raises(Unknown, match=r"does not promise 'recall >= 0\.9' any more"):
        edited(TOML, change("gate.production", "recall >= 0.9", None))


def test_a_place_is_the_measure_in_its_table():
    one = CHANGES[0][0]
    now = place(TOML, one)
    assert place(TOML.replace("size_mb <= 5", "size_mb <= 6"), one) == now
    assert place(TOML.replace("roc_auc >= 0.70", "roc_auc >= 0.71"), one) != now
    assert place(edited(TOML, change("gate.production", None, "roc_auc <= 0.99")), one) != now


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(['"a >= 1"', "'b >= 2'", '"c(x) < 3"', '"d >= 4"']), max_size=4, unique=True),
    st.sampled_from([", ", ",\n  ", ", # why\n  ", ",\n\n  # alone\n  "]),
    st.sampled_from(["", ",", " # end\n", ", # end\n", "\n"]),
    st.integers(0, 3),
)
def test_however_it_is_laid_out_nothing_else_changes(items, between, end, which):
    inside = between.join(items) + (end if items or "," not in end else "")
    text = f"[gate.g]\npromises = [{inside}]\nsigned_by = []  # nobody\n[data.d]\nnull = ['']\n"
    there = tomllib.loads(text)["gate"]["g"]["promises"]
    before = there[which % len(there)] if there and which else None
    for after in ("e(y) >= 0.5", None) if before else ("e(y) >= 0.5",):
        one = change("gate.g", before, after)
        try:
            new = edited(text, one)
        except Refused:
            continue
        wanted = [after if p == before else p for p in there if after or p != before]
        assert sorted(standing(new, "gate", "g")) == sorted(wanted if before else [*there, after])
        assert new.count("#") == text.count("#") or after is None or not before
        assert new.endswith("\nsigned_by = []  # nobody\n[data.d]\nnull = ['']\n")
