import pytest

from arkwright.core.errors import Invalid, Unknown
from arkwright.project import toml
from arkwright.project.spec import LogSpec, ReactionSpec, json_schema


def mistakes(shop):
    with pytest.raises(Invalid) as caught:
        toml.read(shop.folder)
    return str(caught.value)


def line_of(shop, text):
    lines = (shop.folder / "arkwright.toml").read_text().splitlines()
    return next(n for n, line in enumerate(lines, 1) if text in line)


def test_a_sound_file_is_read(shop):
    spec = toml.read(shop.folder).spec
    assert spec.model["buys"].source == "visits"
    assert spec.gate["production"].signed_by == ("model-owner", "operations")
    assert spec.risk == "limited"


@pytest.mark.parametrize(
    ("log", "wanted"),
    [
        ("true", LogSpec()),
        ("false", None),
        ("{}", LogSpec()),
        ('{ sample = 0.5, redact = ["country"], keep = "12h" }', LogSpec(sample=0.5, redact=("country",), keep="12h")),
    ],
)
def test_how_answers_are_logged(shop, log, wanted):
    assert toml.read(shop.folder).spec.endpoint["buys"].logged == LogSpec()
    shop.edit("arkwright.toml", 'model = "buys"\n', f'model = "buys"\nlog = {log}\n')
    assert toml.read(shop.folder).spec.endpoint["buys"].logged == wanted


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("{ smaple = 0.5 }", "endpoint.buys.log: unknown key 'smaple'; did you mean \"sample\"?"),
        ("{ sample = 0 }", "endpoint.buys.log.sample: must be a number > 0.0"),
        ("{ sample = 1.5 }", "endpoint.buys.log.sample: must be a number <= 1.0"),
        ('{ keep = "90 days" }', "endpoint.buys.log.keep: must be a span of time, such as 90d or 12h"),
        ('{ redact = "country" }', "endpoint.buys.log.redact: must be a list, not text"),
        ('"yes"', "endpoint.buys.log: must be true or false or a table, not text"),
    ],
)
def test_how_answers_cannot_be_logged(shop, log, says):
    shop.edit("arkwright.toml", 'model = "buys"\n', f'model = "buys"\nlog = {log}\n')
    assert f"arkwright.toml:{line_of(shop, 'log = ')}: {says}" in mistakes(shop)


def test_no_file(tmp_path):
    with pytest.raises(Unknown, match="arkwright new"):
        toml.read(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "says", "near"),
    [
        ("signed_by =", "signd_by =", "unknown key 'signd_by'", "signed_by"),
        ('target = "again"', 'traget = "again"', "unknown key 'traget'", "target"),
        ("purpose =", "purpos =", "unknown key 'purpos'", "purpose"),
        ('from   = "visits"', 'from   = "visit"', "no dataset is called 'visit'", "visits"),
        ('gate  = "production"', 'gate  = "produktion"', "no gate is called 'produktion'", "production"),
    ],
)
def test_a_misspelt_word_is_named_with_its_line_and_a_near_miss(shop, old, new, says, near):
    shop.edit("arkwright.toml", old, new)
    text = mistakes(shop)
    assert f"arkwright.toml:{line_of(shop, new)}: " in text
    assert says in text
    assert f'did you mean "{near}"?' in text


def test_no_newline_follows_a_word_or_a_span(shop):
    shop.edit("arkwright.toml", '"operations"]', '"operations\\n"]')
    shop.edit("arkwright.toml", 'model = "buys"\n', 'model = "buys"\nwatch = { every = "5m\\n" }\n')
    text = mistakes(shop)
    assert "signed_by: must be a plain word" in text
    assert "watch.every: must be a span of time" in text


def test_every_mistake_is_told_at_once(shop):
    shop.edit("arkwright.toml", "signed_by =", "signd_by =")
    shop.edit("arkwright.toml", "key      =", "kee      =")
    shop.edit("arkwright.toml", "purpose =", "purpos =")
    text = mistakes(shop)
    assert "signd_by" in text
    assert "kee" in text
    assert "purpos" in text


def test_a_missing_key_is_named(shop):
    shop.edit("arkwright.toml", 'target = "again"\n', "")
    assert 'the key "target" is missing' in mistakes(shop)


def test_a_value_of_the_wrong_kind_is_named_with_its_line(shop):
    shop.edit("arkwright.toml", 'promises = ["missing(again) == 0"]', "promises = 3")
    text = mistakes(shop)
    assert f"arkwright.toml:{line_of(shop, 'promises = 3')}" in text
    assert "data.visits.promises" in text


def test_a_choice_out_of_the_list(shop):
    shop.edit("arkwright.toml", 'task   = "classification"', 'task   = "clasification"')
    assert "model.buys.task" in mistakes(shop)


def test_a_promise_that_does_not_parse(shop):
    shop.edit("arkwright.toml", "roc_auc >= 0.6", "roc_auc is good")
    text = mistakes(shop)
    assert f"arkwright.toml:{line_of(shop, 'roc_auc is good')}" in text


def test_broken_toml_names_the_line(shop):
    shop.edit("arkwright.toml", "[model.buys]", "[model.buys")
    assert "arkwright.toml:16: expected ']'" in mistakes(shop)


def test_not_utf8(shop):
    (shop.folder / "arkwright.toml").write_bytes(b'project = "caf\xe9"')
    assert "arkwright.toml:1: this is not UTF-8" in mistakes(shop)


def test_the_schema_says_what_the_loader_says(shop):
    import tomllib

    import jsonschema

    schema = json_schema()
    assert "(?!" not in str(schema)  # of which not every engine knows
    good = tomllib.loads((shop.folder / "arkwright.toml").read_text())
    jsonschema.Draft202012Validator(schema).validate(good)
    good["gate"]["production"]["signd_by"] = ["me"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(good)


@pytest.mark.parametrize("source", ["postgresql://me:secret@host/shop?table=t", "https://me:secret@host/x.csv"])
def test_a_password_does_not_go_on_record(shop, source):
    shop.edit("arkwright.toml", 'source   = "buyers.csv"', f'source   = "{source}"')
    with pytest.raises(Invalid, match=r"arkwright\.toml:\d+: the source holds a password") as told:
        toml.read(shop.folder)
    assert "secret" not in str(told.value)


REACTION = "\n[[endpoint.buys.reactions]]\n"


def test_how_an_endpoint_is_watched(shop):
    shop.edit(
        "arkwright.toml", 'model = "buys"\n', 'model = "buys"\npromises = ["rows >= 1"]\nwatch = { every = "1m" }\n'
    )
    with (shop.folder / "arkwright.toml").open("a") as file:
        file.write(f'{REACTION}do = ["halt"]\nof = "canary"\nto = "rows >= 1"\n')
    endpoint = toml.read(shop.folder).spec.endpoint["buys"]
    assert toml.read(shop.folder).spec.endpoint["buys"].watch.labels_after is None
    assert (endpoint.watch.every, endpoint.watch.window, endpoint.watch.raise_after) == ("1m", "1d", None)
    assert endpoint.reactions == (ReactionSpec(do=("halt",), of="canary", to="rows >= 1"),)
    with (shop.folder / "arkwright.toml").open("a") as file:
        file.write(
            f'{REACTION}do = ["notify"]\ntell = ["dora"]{REACTION}do = ["notify"]\ntell = ["ada"]\nafter = "1h"\n'
        )
    assert len(toml.read(shop.folder).spec.endpoint["buys"].reactions) == 3, "others are told later"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            'do = ["halt"]\nto = "rows >= 2"',
            "to: the endpoint does not promise 'rows >= 2'; did you mean \"rows >= 1\"?",
        ),
        ('do = ["fallback"]', "do: say to which model: fallback = … under [endpoint.buys]"),
        ('do = ["halt"]\nof = "live"', "do: what answers alone cannot be halted, only rolled back"),
        (
            f'do = ["notify", "run"]\n{REACTION}after = "1h"\ndo = ["run"]\nto = "rows >= 1"',
            "do: run after 1h never happens, as another reaction does the same, at the latest then; leave it out",
        ),
        ('do = ["hlat"]', "nothing here is called 'hlat'"),
        ("do = []", "must be a list of length >= 1"),
        ('do = ["run"]\ncooldown = "1d"', "unknown key 'cooldown'; did you mean \"cool_down\"?"),
        ('do = ["run"]\nafter = "soon"', "must be a span of time, such as 90d or 12h"),
    ],
)
def test_reactions_that_cannot_be(shop, words, says):
    shop.edit("arkwright.toml", 'model = "buys"\n', 'model = "buys"\npromises = ["rows >= 1"]\n')
    with (shop.folder / "arkwright.toml").open("a") as file:
        file.write(f"{REACTION}{words}\n")
    assert says in mistakes(shop)


def test_a_fallback_that_is_no_model(shop):
    shop.edit("arkwright.toml", 'model = "buys"\n', 'model = "buys"\nfallback = "buyz"\n')
    place = line_of(shop, "fallback")
    assert f"arkwright.toml:{place}: no model is called 'buyz'; did you mean \"buys\"?" in mistakes(shop)


def test_a_fallback_of_which_nothing_is_released(shop):
    shop.edit("arkwright.toml", 'model = "buys"\n', 'model = "buys"\nfallback = "rules"\n')
    with (shop.folder / "arkwright.toml").open("a") as file:
        file.write('\n[model.rules]\nfrom = "visits"\ntarget = "buys"\ntask = "classification"\n')
    why = 'no endpoint says model = "rules" and gate = "production", so no release that may take over is made'
    assert f"arkwright.toml:{line_of(shop, 'fallback')}: {why}" in mistakes(shop)
    with (shop.folder / "arkwright.toml").open("a") as file:
        file.write(
            '\n[gate.loose]\npromises = ["agreement >= 0.9"]\n\n[endpoint.rules]\nmodel = "rules"\ngate = "loose"\n'
        )
    assert why in mistakes(shop), "what passed another gate may not take over"
    shop.edit("arkwright.toml", 'gate = "loose"', 'gate = "production"')
    assert toml.read(shop.folder).spec.endpoint["buys"].fallback == "rules"


def test_the_line_of_a_reaction_is_named(shop):
    shop.edit("arkwright.toml", 'model = "buys"\n', 'model = "buys"\npromises = ["rows >= 1"]\n')
    with (shop.folder / "arkwright.toml").open("a") as file:
        file.write(f'{REACTION}do = ["hlat"]\n')
    assert f"arkwright.toml:{line_of(shop, 'reactions]]')}: " in mistakes(shop)


DATA_REACTION = '\n[[data.buyers.reactions]]\ndo = ["notify"]\n'


def watched(shop, words="", watch='watch = { every = "30m" }'):
    shop.edit("arkwright.toml", 'key      = ["id"]\n', f'key      = ["id"]\n{watch}\n')
    with (shop.folder / "arkwright.toml").open("a") as file:
        file.write(words)


def test_how_data_are_watched(shop):
    watched(shop, DATA_REACTION + 'to = "readable == 1"\n')
    spec = toml.read(shop.folder).spec.data["buyers"]
    assert (spec.watch.every, spec.watch.give_up, spec.reactions[0].to) == ("30m", "10m", "readable == 1")


@pytest.mark.parametrize(
    ("words", "watch", "says"),
    [
        (DATA_REACTION, "", "nobody looks: say  watch = {}  under [data.buyers]"),
        (
            DATA_REACTION + 'to = "readible == 1"',
            "watch = {}",
            "nothing is promised like 'readible == 1'; did you mean",
        ),
        (DATA_REACTION + DATA_REACTION, "watch = {}", "do: notify at once never happens"),
        ('[[data.buyers.reactions]]\ndo = ["halt"]', "watch = {}", "halt"),
        ("", 'watch = { window = "1d" }', "unknown key 'window'"),
    ],
)
def test_how_data_cannot_be_watched(shop, words, watch, says):
    watched(shop, words, watch)
    assert says in mistakes(shop)


@pytest.mark.parametrize("window", ["7d", "5000 rows", "release"])
def test_a_window_is_a_span_or_so_many_rows_or_all_of_a_release(shop, window):
    shop.edit("arkwright.toml", 'model = "buys"\n', f'model = "buys"\nwatch = {{ window = "{window}" }}\n')
    assert toml.read(shop.folder).spec.endpoint["buys"].watch.window == window


@pytest.mark.parametrize(
    ("window", "near"),
    [
        ("5000", ""),
        ("0 rows", ""),
        ("5000 row", ""),
        ("many rows", ""),
        ("7d\\n", ""),
        ("5000 rows\\n", ""),
        ("relase", '; did you mean "release"?'),
        ("release\\n", '; did you mean "release"?'),
    ],
)
def test_a_window_that_is_none_of_these(shop, window, near):
    shop.edit("arkwright.toml", 'model = "buys"\n', f'model = "buys"\nwatch = {{ window = "{window}" }}\n')
    says = f'watch.window: must be a span of time, so many rows or "release", such as 7d or "5000 rows"{near}'
    assert any(line.endswith(says) for line in mistakes(shop).splitlines())
