"""Keywords of what people call from Python."""

import inspect

import pytest

import arkwright
from arkwright.core.errors import Invalid
from arkwright.core.words import WrongWord, bound, checked


@checked
def sign(release: str, *, role: str | None = None) -> str:
    """Says so."""
    if role == "broken":
        raise TypeError("its own")
    return f"{release} {role}"


def test_what_is_right_is_done():
    assert sign("late", role="owner") == "late owner"
    assert sign.__doc__ == "Says so."
    assert list(inspect.signature(sign).parameters) == ["release", "role"]


def test_what_is_wrong_names_the_verb_the_word_and_the_near_miss():
    with pytest.raises(WrongWord, match=r"""^sign knows no 'roll'; did you mean "role"\?$"""):
        sign("late", roll="owner")
    with pytest.raises(WrongWord, match=r"^sign: missing a required argument: 'release'; there is release, role$"):
        sign(role="owner")
    with pytest.raises(WrongWord, match=r"^sign knows no 'xxx") as told:
        sign(**{"x" * 5000: 1})
    assert len(str(told.value)) < 200
    with pytest.raises(TypeError, match=r"^its own$") as own:
        sign("late", role="broken")
    assert not isinstance(own.value, WrongWord)


def test_it_is_caught_as_python_calls_it_and_as_we_do():
    for kind in (TypeError, Invalid, arkwright.ArkwrightError):
        with pytest.raises(kind):
            sign()
    assert bound("any", inspect.signature(lambda **words: words), (), {"a": 1}) == {"words": {"a": 1}}


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: arkwright.run(".", sead=1), """run knows no 'sead'; did you mean "seed"?"""),
        (lambda: arkwright.why(releas="buys"), """why knows no 'releas'; did you mean "release"?"""),
        (lambda: arkwright.connect("http://localhost", tokn="x"), """connect knows no 'tokn'; did you mean "token"?"""),
        (lambda: arkwright.track("wool", parms={}), """track knows no 'parms'; did you mean "params"?"""),
    ],
)
def test_it_is_told_alike_here(call, told):
    with pytest.raises(TypeError) as error:
        call()
    assert str(error.value) == told
