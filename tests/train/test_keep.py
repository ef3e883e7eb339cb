import io
import pickle
import struct
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
import pytest
import scipy.sparse
import skops.io
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from tests.train.estimators import ESTIMATORS, NUMBERS, YES, fitted

from arkwright.core.errors import Corrupt, Invalid, Refused
from arkwright.train import keep

ROOT = Path(__file__).parents[2]


@pytest.fixture
def reload(tmp_path):
    def through(data):
        path = tmp_path / keep.FILE
        path.write_bytes(data)
        return keep.load(path)

    return through


def python(code, *, seed="0"):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_kept_answers_as_before(name, reload):
    estimator, rows = fitted(name)
    again = reload(keep.dumps(estimator))
    assert type(again) is type(estimator)
    for method in ("predict", "predict_proba", "decision_function"):
        if hasattr(estimator, method):
            assert np.array_equal(getattr(again, method)(rows), getattr(estimator, method)(rows)), method


DIGESTS = """
import hashlib
from arkwright.train import keep
from tests.train.estimators import ESTIMATORS, fitted
for name in ESTIMATORS:
    estimator = fitted(name)[0]
    estimator.words_ = {f"word {n}" for n in range(20)} | {("a pair", n) for n in range(5)}
    print(name, hashlib.sha256(keep.dumps(estimator)).hexdigest())
"""


def test_the_same_estimator_gives_the_same_bytes_in_every_process():
    found: list[list[str]] = [[], []]

    def run(place):
        found[place] = python(DIGESTS, seed=str(place + 1)).splitlines()

    threads = [threading.Thread(target=run, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found[0]) == len(ESTIMATORS)
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["forest", "histograms", "neighbours in a tree", "lightgbm", "target encoder"])
def test_bytes_do_not_hang_on_what_else_is_in_memory(name, reload):
    estimator, _ = fitted(name)
    data = keep.dumps(estimator)
    litter = [np.full(size, 255, np.uint8) for size in (64, 128, 512, 4096) for _ in range(200)]
    del litter
    assert keep.dumps(estimator) == data
    assert keep.dumps(fitted(name)[0]) == data


def test_memory_between_the_fields_of_records_is_not_published():
    records = np.frombuffer(b"12345678s" + b"SECRET!" + b"87654321t" + b"SECRET!", np.dtype("f8,u1", align=True))
    assert records.dtype.itemsize == 16
    estimator = LogisticRegression().fit(NUMBERS, YES)
    estimator.records_ = records
    assert b"SECRET" in skops.io.dumps(estimator)
    data = keep.dumps(estimator)
    assert b"SECRET" not in data
    assert (skops.io.loads(data).records_ == records).all()


def test_sharing_is_kept_and_what_cannot_change_need_not_be_shared(reload):
    estimator = LogisticRegression().fit(NUMBERS, YES)
    estimator.one_ = estimator.other_ = [1, 2]
    again = reload(keep.dumps(estimator))
    assert again.one_ is again.other_
    text = "as" + str(id(estimator))
    estimator.one_, estimator.other_ = text, text
    shared = keep.dumps(estimator)
    estimator.other_ = text[:2] + text[2:]
    assert estimator.other_ is not text
    assert keep.dumps(estimator) == shared


@pytest.mark.parametrize(
    "value",
    [
        {"__id__": 1, "file": 2, "__class__": "x", "content": None},
        {"é", "b", ""},
        {(1, "a"), (2, "b"), (1, "b")},
        {1: "one", np.int64(2): "two", 0.5: 3, "é": 4, "": 5},
        {False: 0.25, True: 0.75},
        {np.False_: 0.25, np.True_: 0.75},
        b"bytes",
        np.array([["a", None], [1, 2.5]], dtype=object),
        np.array(["é", "long"]),
        float("nan"),
        (),
        np.float32(1.5),
        slice(1, None),
        np.dtype("f4"),
        np.random.default_rng(1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_kind_of_value_comes_back(value, reload):
    estimator = LogisticRegression().fit(NUMBERS, YES)
    estimator.value_ = value
    data = keep.dumps(estimator)
    again = reload(data).value_
    assert type(again) is type(value)
    if isinstance(value, np.random.Generator):
        assert again.bit_generator.state == value.bit_generator.state
    elif isinstance(value, dict):
        assert again == value
    else:
        np.testing.assert_equal(again, value)
    assert keep.dumps(estimator) == data


# what is not kept


class Doubles(BaseEstimator):
    def fit(self, _inputs, _target=None):
        return self

    def transform(self, inputs):
        return inputs * 2

    def predict(self, inputs):
        return inputs


def double(inputs):
    return inputs * 2


def with_function(function):
    return make_pipeline(FunctionTransformer(function), LogisticRegression()).fit(NUMBERS, YES)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: Doubles().fit(NUMBERS), "the Doubles holds tests.train.test_keep.Doubles"),
        (lambda: make_pipeline(Doubles(), LogisticRegression()).fit(NUMBERS, YES), "the Pipeline holds tests.train"),
        (lambda: with_function(double), "the Pipeline holds tests.train.test_keep.double"),
        (lambda: with_function(lambda inputs: inputs), "the Pipeline holds tests.train.test_keep.<lambda>"),
        (lambda: with_function(partial(np.clip, min=0)), "functools.partial"),
    ],
    ids=["class", "class in a pipeline", "function", "lambda", "partial"],
)
def test_code_of_the_users_own_is_not_kept(make, names, tmp_path):
    estimator = make()
    with pytest.raises(Invalid) as caught:
        keep.save(estimator, tmp_path / keep.FILE)
    text = str(caught.value)
    assert names in text
    assert "\n" not in text
    assert not (tmp_path / keep.FILE).exists()


def test_a_refused_class_comes_with_what_to_do_instead():
    with pytest.raises(Invalid, match=r"which cannot be kept as data; do that step in a dataset or in features\(\)"):
        keep.dumps(with_function(double))


@pytest.mark.parametrize(
    "value", [open, [].append, threading.Lock(), (n for n in ()), object()], ids=lambda value: type(value).__name__
)
def test_what_no_file_can_hold(value):
    estimator = LogisticRegression().fit(NUMBERS, YES)
    estimator.value_ = value
    with pytest.raises(Invalid, match="LogisticRegression"):
        keep.dumps(estimator)


def test_keys_that_are_the_same_as_texts():
    estimator = LogisticRegression(class_weight={1: 2.0, 0: 1.0}).fit(NUMBERS, YES)
    estimator.value_ = {1: "a", "1": "b"}
    with pytest.raises(Invalid, match="it has a dict whose keys are the same as texts, such as 1 and '1'"):
        keep.dumps(estimator)


def test_a_model_that_holds_itself():
    estimator = LogisticRegression().fit(NUMBERS, YES)
    estimator.me_ = estimator
    with pytest.raises(Invalid, match="the LogisticRegression cannot be kept as data: RecursionError"):
        keep.dumps(estimator)


# what is not loaded


class Bomb:
    def __reduce__(self):
        return print, ("it ran",)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "File is not a zip file"),
        (b"PK\x05\x06" + b"\0" * 18, "no item named 'schema.json'"),
        (pickle.dumps(Bomb()), "File is not a zip file"),
        (b"not a model at all" * 100, "File is not a zip file"),
    ],
    ids=["empty", "empty archive", "pickle", "text"],
)
def test_what_is_no_skops_file(data, says, reload, capsys):
    with pytest.raises(Corrupt) as caught:
        reload(data)
    assert str(caught.value).startswith("model.skops is not a model that was kept: ")
    assert says in str(caught.value)
    assert capsys.readouterr().out == ""


def zipped(members, compression=0):
    out = io.BytesIO()
    with ZipFile(out, "w", compression) as archive:
        for name, data in members:
            archive.writestr(ZipInfo(name), data, compression)
    return out.getvalue()


def node(loader, name="builtins.list", **more):
    module, _, kind = name.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": kind, **more}


def schema(root, **more):
    import json

    return "schema.json", json.dumps({"protocol": 2, "_skops_version": "0.16.0", **root, **more})


EMPTY = node("TupleNode", "builtins.tuple", content=[])
NPY = io.BytesIO()
np.save(NPY, np.zeros(10_000))
NPZ = io.BytesIO()
scipy.sparse.save_npz(NPZ, scipy.sparse.csr_matrix(np.eye(3)))


@pytest.mark.parametrize(
    ("root", "names"),
    [
        (node("ObjectNode", "posix.system"), "posix.system"),
        (node("ObjectNode", "tests.train.test_keep.Bomb"), "tests.train.test_keep.Bomb"),
        (node("FunctionNode", "os.system"), "os.system"),
        (node("TypeNode", "subprocess.Popen"), "subprocess.Popen"),
        (node("ConstructorFromReduceNode", "subprocess.Popen", content=EMPTY), "subprocess.Popen"),
        (node("ConstructorFromReduceNode", "xgboost.core.Booster", content=EMPTY), "Booster by ConstructorFrom"),
        (node("TypeNode", "lightgbm.basic.Booster"), "lightgbm.basic.Booster by TypeNode"),
        (node("FunctionNode", "lightgbm.basic.Booster"), "lightgbm.basic.Booster by FunctionNode"),
        (node("PartialNode", "functools.partial", content={}), "functools.partial by PartialNode"),
        (node("OperatorFuncNode", "operator.methodcaller", attrs=EMPTY), "operator.methodcaller"),
        (node("MethodNode", "builtins.list", content={"func": "pop", "obj": EMPTY}), "builtins.list by MethodNode"),
        (node("CachedNode", "builtins.list", __id__=1), "builtins.list by CachedNode"),
        (node("NoSuchNode", "builtins.list"), "builtins.list by NoSuchNode"),
        (
            node("SparseMatrixNode", "scipy.sparse._base.spmatrix", type="scipy", file="a.npz"),
            "spmatrix by SparseMatrix",
        ),
        (node("ListNode", content=[node("ListNode", content=[node("ObjectNode", "posix.system")])]), "posix.system"),
    ],
)
def test_a_type_that_is_not_trusted_is_named(root, names, reload):
    with pytest.raises(Refused) as caught:
        reload(zipped([("a.npz", NPZ.getvalue()), schema(root)]))
    text = str(caught.value)
    assert names in text
    assert text.endswith("which is not trusted; train the model again")


def array(**more):
    return node("NdArrayNode", "numpy.ndarray", type="numpy", file="a.npy", **more)


def deep(levels):
    return "schema.json", '{"protocol":2,"a":' + "[" * levels + "]" * levels + "}"


@pytest.mark.parametrize(
    ("members", "compression", "says"),
    [
        ([("a.npy", NPY.getvalue()), schema(array())], ZIP_DEFLATED, "is compressed"),
        ([schema(EMPTY)], ZIP_DEFLATED, "'schema.json' is compressed"),
        ([("a.npy", b"1"), ("a.npy", b"2"), schema(array())], 0, "'a.npy' occurs twice"),
        ([schema(array()), schema(EMPTY)], 0, "'schema.json' occurs twice"),
        (
            [("a.npy", NPY.getvalue()), schema(node("ListNode", content=[array(__id__=n) for n in range(9)]))],
            0,
            "reads more",
        ),
        ([("a.npy", NPY.getvalue()), schema(node("ListNode", content=[array()] * 9))], 0, "reads more than it holds"),
        ([("a.npy", pickle.dumps(Bomb())), schema(array())], 0, "contains pickled (object) data"),
        ([("a.npy", NPY.getvalue()[:99]), schema(array())], 0, "is not a model that was kept"),
        ([schema(array())], 0, "'a.npy'"),
        ([schema(EMPTY, protocol=1)], 0, "its protocol is 1"),
        ([schema(EMPTY, protocol="2")], 0, "its protocol is '2'"),
        ([schema(EMPTY, protocol=99)], 0, "99"),
        ([("schema.json", "[]")], 0, "TypeError"),
        ([("schema.json", "{}")], 0, "KeyError: 'protocol'"),
        ([("schema.json", '{"protocol": 2, "__loader__": "ListNode"}')], 0, "KeyError"),
        ([deep(50_000)], 0, "RecursionError"),
    ],
)
def test_a_crafted_archive(members, compression, says, reload, capsys, recwarn):
    if len({name for name, _ in members}) < len(members):
        with pytest.warns(UserWarning, match="Duplicate name"):
            data = zipped(members)
    else:
        data = zipped(members, compression)
    with pytest.raises(Corrupt) as caught:
        reload(data)
    assert says in str(caught.value)
    assert capsys.readouterr().out == ""


def test_a_member_that_says_it_is_larger_than_the_file(reload):
    data = bytearray(zipped([schema(EMPTY)]))
    place = data.rindex(b"PK\x01\x02")
    struct.pack_into("<II", data, place + 20, 2**31, 2**31)
    with pytest.raises(Corrupt, match="is not a model that was kept"):
        reload(bytes(data))


def test_a_file_larger_than_the_limit_is_not_even_read(tmp_path, monkeypatch):
    path = tmp_path / keep.FILE
    keep.save(LogisticRegression().fit(NUMBERS, YES), path)
    monkeypatch.setattr(keep, "LARGEST_BYTES", 100)
    with pytest.raises(Refused, match=r"model.skops has \d+ bytes, more than the 100"):
        keep.load(path)


@pytest.mark.parametrize("name", ["forest", "lightgbm", "xgboost"])
def test_every_truncated_file_is_corrupt(name, reload):
    data = keep.dumps(fitted(name)[0])
    for size in range(0, len(data), len(data) // 40):
        with pytest.raises(Corrupt, match="is not a model that was kept"):
            reload(data[:size])


FLIPS = """
import random, sys
from pathlib import Path
import numpy as np
from arkwright.core.errors import Corrupt, Refused
from arkwright.train import keep
from tests.train.estimators import fitted
chance, folder = random.Random(5), Path(sys.argv[1])
for name in ("forest", "histograms", "lightgbm", "xgboost", "neighbours in a tree"):
    estimator, rows = fitted(name)
    data, path, told = keep.dumps(estimator), folder / "flipped.skops", 0
    for flip in range(80):
        broken = bytearray(data)
        broken[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(broken)
        try:
            again = keep.load(path)
        except (Corrupt, Refused) as error:
            told += 1
            assert "\\n" not in str(error)
        else:  # the flip was in a time or another note of the archive's
            assert np.array_equal(again.predict(rows), estimator.predict(rows))
    assert told > 60, (name, told)
print("alive")
"""


def test_a_flipped_bit_is_found_and_never_ends_the_process(tmp_path):
    code = FLIPS.replace("sys.argv[1]", repr(str(tmp_path)))
    assert python(code) == "alive\n"
