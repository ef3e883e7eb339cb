"""The filter language: MLflow's own parser and its own matching in Python are the judges."""

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunTag,
)
from mlflow.utils.search_utils import SearchExperimentsUtils, SearchUtils

from arkwright.core.errors import Invalid
from arkwright.infra.disk_store import DiskStore
from arkwright.tracking import inputs, runs
from arkwright.tracking.filters import parse, parse_order
from arkwright.tracking.searching import EXPERIMENTS, RUNS
from arkwright.tracking.tracking import Tracking

KEYS = ("a", "b", "val_loss", "mlflow.runName", "a b", "x/y", "ünder")
TEXTS = ("", "a", "A", "ab", "it's", "50%", "a_b", "[x]", "*", "a?c", "wool")


def quoted(text):
    return f'"{text}"' if "'" in text else f"'{text}'"


@st.composite
def names(draw, kinds):
    kind, key = draw(st.sampled_from(kinds)), draw(st.sampled_from(KEYS))
    plain = key.isidentifier() or key == "mlflow.runName"
    form = draw(st.sampled_from(("{}.{}", "{}.`{}`", '{}."{}"') if plain else ("{}.`{}`", '{}."{}"')))
    return form.format(kind, key)


@st.composite
def clauses(draw):
    which = draw(st.integers(0, 6))
    text = draw(st.sampled_from(TEXTS))
    if which == 0:
        name = draw(names(("metrics", "metric")))
        number = draw(st.sampled_from(("0", "1", "-1", "0.5", "-.5", "1e3", "2.5E-1", "007")))
        return f"{name} {draw(st.sampled_from(('=', '!=', '<', '<=', '>', '>=')))} {number}"
    if which == 1:
        name = draw(names(("params", "param", "parameter", "parameters", "tags", "tag")))
        return f"{name} {draw(st.sampled_from(('=', '!=', 'LIKE', 'ILIKE', 'like')))} {quoted(text)}"
    if which == 2:
        return f"{draw(names(('params', 'tags')))} {draw(st.sampled_from(('IS NULL', 'IS NOT NULL', 'is not null')))}"
    if which == 3:
        name = draw(st.sampled_from(("run_name", "attributes.status", "attr.user_id", "run.`Run name`", "run_id")))
        return f"{name} {draw(st.sampled_from(('=', '!=', 'LIKE', 'ILIKE')))} {quoted(text)}"
    if which == 4:
        name = draw(st.sampled_from(("start_time", "attributes.end_time", "attribute.created")))
        return f"{name} {draw(st.sampled_from(('=', '!=', '<', '>=')))} {draw(st.integers(0, 30))}"
    if which == 5:
        given = ", ".join(f"'{uid}'" for uid in draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3)))
        word = draw(st.sampled_from(("IN", "NOT IN")))
        return f"{draw(st.sampled_from(('run_id', 'attributes.run_id')))} {word} ({given})"
    name = draw(st.sampled_from(("dataset.name", "datasets.digest", "dataset.context")))
    return f"{name} {draw(st.sampled_from(('=', '!=', 'LIKE')))} {quoted(text)}"


SIGNS = (*"'\"`.()<>=! \n;,x1%-", "and", " or ", "--")
NAMES = ("metrics.a", "metrics.`x/y`", "params.b", "tags.a", "start_time", "run_name", "end_time")
filters = st.lists(clauses(), min_size=1, max_size=4).flatmap(
    lambda found: st.sampled_from((" and ", " AND ", "\n AND  ")).map(lambda word: word.join(found))
)


def theirs(text, parser=SearchUtils):
    """What MLflow reads, or None."""
    try:
        found = parser.parse_search_filter(text)
    except Exception:  # noqa: BLE001 - it falls over some texts
        return None
    return [(f["type"], f["key"], f["comparator"].upper(), f["value"]) for f in found]


def ours(text, language=RUNS):
    try:
        return [(c.kind, c.key, c.comparison, c.value) for c in parse(text, language)]
    except Invalid:
        return None


def same(one, other):
    """Equal, where MLflow leaves the numbers of metrics as texts."""
    return [(*c[:3], float(c[3]) if c[0] == "metric" else c[3]) for c in one] == [
        (*c[:3], float(c[3]) if c[0] == "metric" else c[3]) for c in other
    ]


@given(filters)
@settings(max_examples=300)
def test_whatever_mlflow_reads_is_read_the_same(text):
    read = theirs(text)
    assert read is not None, text
    assert same(ours(text), read)


def test_a_list_as_python_writes_it_with_one_in_it():
    text = f"run_id IN {('4f',)}"
    assert same(ours(text), theirs(text))


@given(filters, st.integers(0, 200), st.sampled_from(SIGNS), st.booleans())
@settings(max_examples=300)
def test_what_is_damaged_never_means_something_else(text, place, sign, cut):
    place %= len(text) + 1
    text = text[:place] + sign + text[place + cut :]
    read, found = theirs(text), ours(text)
    if read is not None and found is not None and len(read) == len(found):
        assert same(found, read)


@pytest.mark.parametrize(
    "text",
    [
        "metrics.a", "metrics.a >", "metrics.a > 'x'", "metrics.a > x", "metrics.a LIKE 'x'", "params.a = 1",
        "params.a = b",
        "params.a > '1'", "wool.a = '1'", "attributes.wool = '1'", "a = '1'", "metrics.a = 1 OR metrics.b = 1", "and",
        "metrics.a = 1 and", "and metrics.a = 1", "metrics.a = 1 metrics.b = 1", "(metrics.a = 1)", "metrics.a = 1;",
        "metrics.a IS NULL", "run_id IN ()", "run_id IN (,)",
        "run_id IN ('a',,)", "run_id IN ('a'", "run_id IN 'a'", "run_id NOT 'a'", "dataset.size = '1'",
        "params.a = 'x", "params.`a = 'x'", "start_time = 'x'", "1 = 1", "metrics.a = 0x1", "metrics.a = nan", "'",
        "\0",
        "params.a IS 'x'", "params.a IS NOT 'x'", "metrics. = 1", "metrics = 1", "x" * 30_000, "(" * 5000,
        " and ".join(["metrics.a = 1"] * 101),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_words(text):
    with pytest.raises(Invalid) as told:
        parse(text, RUNS)
    assert len(str(told.value)) < 400


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("metrics.loss", ("metric", "loss", True)), ("metrics.`a b` DESC", ("metric", "a b", False)),
        ("start_time desc", ("attribute", "start_time", False)),
        ("attributes.run_name ASC", ("attribute", "run_name", True)),
        ("params.x/y asc", ("parameter", "x/y", True)), ("tags.mlflow.user", ("tag", "mlflow.user", True)),
    ],
)  # fmt: skip
def test_orders(text, read):
    assert parse_order(text, RUNS) == read
    if "/" not in text:
        assert SearchUtils.parse_order_by_for_search_runs(text) == read


@pytest.mark.parametrize("text", ["", "metrics", "metrics.a b", "metrics.a DESC x", "dataset.name", "w DESC", "a, b"])
def test_what_is_no_order(text):
    with pytest.raises(Invalid):
        parse_order(text, RUNS)


@pytest.mark.parametrize(
    "text",
    ["name = 'x'", "name LIKE 'x%' AND tags.a = 'b'", "attribute.experiment_id IN ('1', '2')", "creation_time > 5",
     "tag.`a b` IS NOT NULL", "experiment_id != '0'"],
)  # fmt: skip
def test_filters_of_experiments(text):
    assert ours(text, EXPERIMENTS) == theirs(text, SearchExperimentsUtils)


# ---- what is found

VALUES = (0.0, 1.0, -1.0, 0.5, 1000.0, math.nan, math.inf, -math.inf)


def made(uid, place):
    """A run, and the same for MLflow."""
    pick = lambda among, salt: among[(place * 7 + salt * 3) % len(among)]  # noqa: E731
    metrics = {key: pick(VALUES, i) for i, key in enumerate(KEYS) if (place + i) % 3}
    params = {key: pick(TEXTS, i) for i, key in enumerate(KEYS) if (place + i) % 4}
    tags = {key: pick(TEXTS, i + 1) for i, key in enumerate(KEYS) if (place + i) % 5} | {
        "mlflow.runName": pick(TEXTS, 9) or "n"
    }
    data = {"name": pick(TEXTS, 2) or "d", "digest": pick(TEXTS, 5) or "e", "context": pick(TEXTS, 3)}
    return {
        "uid": uid, "metrics": metrics, "params": params, "tags": tags, "data": data, "user": pick(TEXTS, 4),
        "status": pick(("FINISHED", "RUNNING"), 1), "start": place * 3 % 31, "end": place if place % 2 else None,
    }  # fmt: skip


def entity(run):
    words = {"run_id": run["uid"], "experiment_id": "0", "user_id": run["user"], "status": run["status"]}
    times = {"start_time": run["start"], "end_time": run["end"]}
    info = RunInfo(**words, **times, lifecycle_stage="active", run_name=run["tags"]["mlflow.runName"])
    data = run["data"]
    described = Dataset(data["name"], data["digest"], "", "")
    given = RunInputs([DatasetInput(described, [InputTag("mlflow.data.context", data["context"])])], [])
    kept = RunData(
        [Metric(key, value, 1, 0) for key, value in run["metrics"].items()],
        [Param(*pair) for pair in run["params"].items()],
        [RunTag(*pair) for pair in run["tags"].items()],
    )
    return Run(info, kept, given)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracking")
    tracking = Tracking(folder, DiskStore(folder / "files"))
    found = [made(uid, place) for place, uid in enumerate("abcdefghijklmnopqrstuvwxyz")]
    for run in found:
        tracking.submit(
            runs.begin, experiment=0, name="", user=run["user"], started=run["start"], uid=run["uid"],
            tags=run["tags"].items(),
        ).result()  # fmt: skip
        metrics = [(key, 0, 1, value) for key, value in run["metrics"].items()]
        tracking.submit(runs.log, run["uid"], metrics=metrics, params=run["params"].items()).result()
        tracking.submit(runs.change, run["uid"], status=run["status"], ended=run["end"]).result()
        data = run["data"]
        tags = {"mlflow.data.context": data["context"]}
        used = inputs.Dataset(name=data["name"], digest=data["digest"], tags=tags)
        tracking.submit(inputs.put, run["uid"], datasets=[used]).result()
    yield tracking, [entity(run) for run in found]
    tracking.close()


@given(filters)
@settings(max_examples=300)
def test_the_runs_found_are_those_that_mlflow_finds(filled, text):
    tracking, entities = filled
    wanted = sorted(run.info.run_id for run in SearchUtils.filter(entities, text))
    assert sorted(run.uid for run in tracking.runs(filter=text).items) == wanted, text
    assert tracking.count(filter=text) == len(wanted)


@given(
    st.sampled_from(("metrics.a", "metrics.`x/y`", "params.b", "tags.a", "start_time", "run_name", "end_time")),
    st.booleans(),
)
def test_runs_come_in_the_order_in_which_mlflow_gives_them(filled, name, ascending):
    tracking, entities = filled
    order = f"{name} {'ASC' if ascending else 'DESC'}"
    kind, key, _ = SearchUtils.parse_order_by_for_search_runs(order)

    def value(run):
        found = SearchUtils._get_value_for_sort(run, kind, key, ascending)
        return found if kind != "metric" or not math.isnan(run.data.metrics.get(key, 0.0)) else "NaN"

    by_id = {run.info.run_id: run for run in entities}
    found = [value(by_id[run.uid]) for run in tracking.runs(order=[order]).items]
    wanted = [value(run) for run in SearchUtils.sort(entities, [order])]
    assert [v for v in found if v != "NaN"] == [v for v in wanted if v != "NaN"]


def test_pages_hold_every_run_once(filled):
    tracking, entities = filled
    seen, after = [], ""
    while True:
        page = tracking.runs(limit=7, after=after, order=["metrics.a DESC"])
        seen += [run.uid for run in page.items]
        if page.next is None:
            break
        after = page.next
    assert sorted(seen) == sorted(run.info.run_id for run in entities)
    assert tracking.runs(order=["metrics.a DESC"]).items[3].uid == seen[3]


def test_a_nasty_pattern_costs_little(filled):
    tracking, _ = filled
    tracking.submit(runs.log, "a", params=[("long", "a" * 6000)]).result()
    before = time.process_time()
    tracking.runs(filter="params.long LIKE '" + "%a" * 2000 + "%b'")
    tracking.runs(filter="params.long ILIKE '" + "%a" * 2000 + "%b'")
    assert time.process_time() - before < 2
