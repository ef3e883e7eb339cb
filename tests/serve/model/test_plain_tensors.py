"""Plain inference requests: a frame that came before is not parsed again, and nobody can tell."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.serve.conftest import DIGEST, echo_release

from arkwright.serve.model import plain_tensors
from arkwright.serve.model.loaded import load
from arkwright.serve.model.plain_tensors import MOST_FRAMES, PlainTensors


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = echo_release(tmp_path_factory.mktemp("f32"), ["f32"])
    return load(folder, endpoint="f32", release="release:f32@1", digest=DIGEST)


def named(id_, body):
    return body.replace(b"{", b'{"id":"%b",' % id_, 1)


def body(data="[1.5,-2]", shape="[1,2]", name='"f32"', before="", behind="", after=""):
    tensor = f'{{"name":{name},"shape":{shape},"datatype":"FP32",{before}"data":{data}{behind}}}'
    return f'{{"inputs":[{tensor}]{after}}}'.encode()


def read(plain, bytes_):
    found = plain.read(bytes_)
    return None if found is None else (plain.prepare([found[0]])["f32"].tolist(), found[1])


def test_what_is_read(loaded):
    plain = PlainTensors(loaded)
    for _ in range(3):
        assert read(plain, body()) == ([[1.5, -2]], 1)
        assert read(plain, body("[1,2,3,4]", "[2,2]")) == ([[1, 2], [3, 4]], 2)
        assert read(plain, body("[ 1 , 2e0 ]", behind=" ")) == ([[1, 2]], 1)
        assert read(plain, json.dumps(json.loads(body())).encode()) == ([[1.5, -2]], 1)
    assert len(plain.frames) == 3


NEVER = {
    "too few": body("[1]"),
    "too many": body("[1,2,3]"),
    "none": body("[]"),
    "nested": body("[[1,2]]"),
    "no list": body("1"),
    "beyond FP32": body("[1,1e39]"),
    "NaN": body("[1,NaN]"),
    "null": body("[1,null]"),
    "text": body('[1,"2"]'),
    "another name": body(name='"f"'),
    "no row": body("[]", "[0,2]"),
    "one dimension": body(shape="[2]"),
    "too wide": body("[1,2,3]", "[1,3]"),
    "unknown field": body(before='"x":1,'),
    "another id": body(after=',"id":"7"'),
    "wishes": body(after=',"outputs":[]') + b" ",
    "another output": body(after=',"outputs":[{"name":"g"}]'),
    "an output in binary": body(after=',"outputs":[{"name":"f32_out","parameters":{"binary_data":true}}]'),
    "an id with an escape": named(b"\\u0061", body()),
    "two ids": named(b"8", body(after=',"id":"7"')),
    "an id and none": named(b"8", body(after=',"id":null')),
    "an id that is empty": named(b"8", b'{"id":"",' + body()[1:]),
    "an id and nothing": b'{"id":"7",}',
    "a long id": named(b"a" * 129, body()),
    "parameters": body(after=',"parameters":{"a":1}'),
    "parameters of the tensor": body(before='"parameters":{"binary_data_size":8},'),
    "another model": body(after=',"model_name":"g"'),
    "another version": body(after=',"model_version":"2"'),
    "twice": body() + body(),
    "half": body()[:-1],
    "nothing": b"",
}


@pytest.mark.parametrize("case", sorted(set(NEVER) - {"wishes"}))
def test_what_is_not_plain_is_left_alone_however_often_it_comes(loaded, case):
    plain = PlainTensors(loaded)
    assert read(plain, body()) == ([[1.5, -2]], 1)
    for _ in range(3):
        assert read(plain, NEVER[case]) is None
    assert read(plain, body()) == ([[1.5, -2]], 1)


TRICKS = [
    body(behind=',"data":[7,8]'),  # twice: the last one counts
    body('[7,8],"data":[1,2]'),
    body(name='"\\"data\\":[1"'),  # a name that looks like data
    body(before='"datatype":"FP32",'),
    body(after=',"inputs":[{"name":"f32","shape":[1,2],"datatype":"FP32","data":[9,9]}]'),
    body("[1,2]", behind=',"shape":[1,2]'),
    body("[1,2,3,4]", behind=',"shape":[2,2]'),
    body('[1,2],"name":"f32"'),
    b'{"inputs":[{"data":[1,2],"name":"f32","shape":[1,2],"datatype":"FP32"}]}',
    b'{"parameters":{"\\"data\\"":"["},"inputs":[{"name":"f32","shape":[1,2],"datatype":"FP32","data":[1,2]}]}',
    b'{"model_name":"f32","inputs":[{"name":"f32","shape":[1,2],"datatype":"FP32","data":[1,2]}]}',
]
_PIECES = [bytes([c]) for c in b'[]{},:" 0123456789.-+eE\\'] + b'"data": "shape": [1,2] [2,2] null 1e39'.split()
_pieces = st.sampled_from(_PIECES)


@st.composite
def bodies(draw):
    """A plain body or a trick, cut or mended somewhere."""
    whole = draw(st.sampled_from([body(), body("[1,2,3,4]", "[2,2]"), named(b"7", body()), *TRICKS]))
    for _ in range(draw(st.integers(0, 3))):
        at, end = sorted((draw(st.integers(0, len(whole))), draw(st.integers(0, len(whole)))))
        end = min(end, at + draw(st.integers(0, 4)))
        whole = whole[:at] + b"".join(draw(st.lists(_pieces, max_size=2))) + whole[end:]
    return whole


@given(st.lists(bodies(), min_size=1, max_size=8))
@example([*TRICKS, *TRICKS, *NEVER.values(), *NEVER.values()])
def test_with_and_without_memory_the_same_is_read(loaded, came):
    """The same as a parser that knows of no frames makes of it, whatever came before."""
    plain = PlainTensors(loaded)
    for one in came:
        assert read(plain, one) == read(PlainTensors(loaded), one)
        if (found := read(plain, one)) is not None:
            said = json.loads(one)
            assert plain.read(one)[0][1].decode() == said.get("id", "")
            tensor = said["inputs"][0]
            assert [len(found[0]), 2] == tensor["shape"]
            assert [x for row in found[0] for x in row] == [pytest.approx(x, rel=1e-6) for x in tensor["data"]]


def test_of_what_stands_twice_the_last_counts_whatever_it_is(tmp_path):
    folder = echo_release(tmp_path, ["f32"], columns=1)
    plain = PlainTensors(load(folder, endpoint="f32", release="release:f32@1", digest=DIGEST))
    for first in ("[1]", "[2]"):
        for last in ("[7]", "[8]"):
            assert read(plain, body(first, "[1,1]", behind=f',"data":{last}')) == ([json.loads(last)], 1)


def test_what_is_remembered_is_bounded(loaded):
    plain = PlainTensors(loaded)
    for i in range(3 * MOST_FRAMES):
        assert read(plain, body(behind=" " * i)) == ([[1.5, -2]], 1)
        assert read(plain, body(before=" " * i)) == ([[1.5, -2]], 1)
        assert len(plain.frames) <= MOST_FRAMES


def test_long_frames_are_read_and_not_remembered(loaded):
    plain = PlainTensors(loaded)
    assert read(plain, body(before=" " * 2000)) == ([[1.5, -2]], 1)
    assert read(plain, body(behind=" " * 2000)) == ([[1.5, -2]], 1)
    assert not plain.frames


def test_a_frame_that_came_before_is_not_parsed_again(loaded, monkeypatch):
    plain = PlainTensors(loaded)
    plain.read(body())

    class Never:
        def decode(self, _):
            raise AssertionError("parsed again")

    monkeypatch.setattr(plain_tensors, "_decoder", Never())
    assert read(plain, body("[3,4]")) == ([[3, 4]], 1)
    assert read(plain, named(b"order-7", body("[5,6]"))) == ([[5, 6]], 1)


@pytest.mark.parametrize("name", ["b", "i64", "f64", "s"])
def test_every_datatype_and_several_inputs(tmp_path, name):
    values = {"b": [True, False], "i64": [1, 2**62], "f64": [0.1, -1e300], "s": ["a", "é"], "f32": [1.5, 2]}
    known = {"b": "BOOL", "i64": "INT64", "f64": "FP64", "s": "BYTES", "f32": "FP32"}
    folder = echo_release(tmp_path, [name, "f32"])
    plain = PlainTensors(load(folder, endpoint="e", release="release:e@1", digest=DIGEST))
    inputs = [{"name": n, "shape": [1, 2], "datatype": known[n], "data": values[n]} for n in (name, "f32")]
    for _ in range(2):
        item, rows = plain.read(msgspec.json.encode({"inputs": inputs}))
        assert rows == 1
        assert {n: array.tolist() for n, array in plain.prepare([item]).items()} == {
            n: [values[n]] for n in (name, "f32")
        }
