"""Which packages have newer versions: by a file, a folder or a zip, and by an index that answers on this machine."""

import os
import re
import threading
import time
import zipfile
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.advisories.test_online import World, _no_pauses, server, serving

from arkwright.advisories import files, https, versions
from arkwright.advisories.newest import NewestDesk
from arkwright.advisories.turns import Turns
from arkwright.core.errors import Invalid
from arkwright.core.settings import Packages
from arkwright.infra import site_file

__all__ = ["_no_pauses", "server", "serving"]  # fixtures
DAY = timedelta(days=1)
PACKAGES = [("Jinja2", "3.1.2"), ("numpy", "1.26.4")]
KNOWN = {"jinja2": ["3.1.2", "3.1.6"], "numpy": ["1.26.4", "2.3.0", "2.2.0"]}


def project(name, *names, yanked=()):
    """What an index answers of one package."""
    listed = [{"filename": one, "url": one, "hashes": {}, "yanked": one in yanked and "broken"} for one in names]
    return msgspec.json.encode({"meta": {"api-version": "1.1"}, "name": name, "files": listed, "versions": []})


def written(folder, name, data):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else msgspec.json.encode(data))
    return path


def look(folder, source="versions.json", packages=PACKAGES, after=timedelta(), **more):
    """What is known, or why nothing is."""
    found = NewestDesk(Packages(source=source, **more), folder, lambda: datetime.now(UTC) + after).look(packages)
    return found if found.age else found.stale


def newer(found):
    return {one.package: (one.newest, one.by) for one in found.newer}


BOTH = {"Jinja2": ("3.1.6", "any"), "numpy": ("2.3.0", "major")}


def test_a_file_a_folder_and_a_zip_say_the_same(tmp_path):
    written(tmp_path, "versions.json", KNOWN)
    found = look(tmp_path)
    assert (newer(found), found.unknown, found.stale) == (BOTH, (), "")
    assert re.fullmatch(r"versions of 20\d\d-\d\d-\d\d from versions\.json", found.age)
    pages = {
        "jinja2.json": project("Jinja2", "jinja2-3.1.6-py3-none-any.whl", "Jinja2-3.1.2.tar.gz"),
        "numpy.json": project("numpy", "numpy-2.3.0-cp311-cp311-win32.whl", "numpy-2.2.0.zip", "numpy.readme"),
    }
    with zipfile.ZipFile(tmp_path / "simple.zip", "w") as archive:
        for name, data in pages.items():
            archive.writestr(name, data)
            written(tmp_path, f"simple/{name}", data)
    assert newer(look(tmp_path, "simple")) == newer(look(tmp_path, "simple.zip")) == BOTH


def test_yanked_versions_and_those_before_a_release_are_none(tmp_path):
    wheel = "numpy-{}-py3-none-any.whl".format
    data = project(
        "numpy", wheel("3.0"), wheel("2.5.0rc1"), wheel("2.4.0.dev1"), wheel("1.26.4"), yanked=[wheel("3.0")]
    )
    written(tmp_path, "versions.json", data)
    assert look(tmp_path, packages=[("numpy", "1.26.4")]).newer == ()
    assert newer(look(tmp_path, packages=[("numpy", "1.26.4rc1")])) == {"numpy": ("1.26.4", "any")}
    half = project("numpy", wheel("3.0"), "numpy-3.0.tar.gz", yanked=[wheel("3.0")])
    written(tmp_path, "versions.json", half)  # one file of it can be installed
    assert newer(look(tmp_path, packages=[("numpy", "1.26.4")])) == {"numpy": ("3.0", "major")}


@pytest.mark.parametrize(
    ("own", "newest", "by"),
    [
        ("1.2.3", "1.2.4", "any"), ("1.2.3", "1.3.0", "minor"), ("1.2.3", "2.0", "major"), ("1.0", "1!0.5", "major"),
        ("2.0+cpu", "2.0.post1", "any"), ("2025.1.31", "2026.1", "major"), ("1.2", "1.2.0", None),
        ("2.0+cpu", "2.0", None), ("3.0", "2.9", None),
    ],
)  # fmt: skip
def test_how_far_behind(tmp_path, own, newest, by):
    written(tmp_path, "versions.json", {"some.Package": [newest, "0.1", "no version"]})
    found = look(tmp_path, packages=[("some-package", own)])
    assert [one.by for one in found.newer] == ([by] if by else [])


def test_of_what_nobody_can_tell_a_line_is_there(tmp_path):
    written(tmp_path, "versions.json", {"odd": ["1.0"], "early": ["1.0rc1"]})
    found = look(tmp_path, packages=[("odd", "built by\nhand"), ("early", "1.0rc1"), ("mine", "0.1")])
    assert found.newer == ()
    assert [one.partition(",")[0] for one in found.unknown] == ["odd built by hand", "early 1.0rc1", "mine 0.1"]


def test_what_was_known_long_ago_proves_nothing(tmp_path):
    path = written(tmp_path, "versions.json", KNOWN)
    then = (datetime.now(UTC) - 31 * DAY).timestamp()
    os.utime(path, (then, then))
    assert "31 days old, at most 30d may be" in look(tmp_path).stale
    assert look(tmp_path, max_age="5w").stale == ""


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "holds no versions"), (b"[]", "holds no versions"), (b'{"numpy": "2.0"}', "holds no versions"),
        (b" " * (files.LARGEST + 1), "more than 16 MiB"), (None, "there are no versions of packages at"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_versions(tmp_path, data, why):
    if data is not None:
        written(tmp_path, "versions.json", data)
    assert why in look(tmp_path)


def test_without_a_source_the_reason_is_told(tmp_path):
    assert "under [packages] in site.toml" in NewestDesk(None, tmp_path).look(PACKAGES).stale
    assert "packages.source: over http:// anybody" in look(tmp_path, "http://index.example.org/simple/")
    assert "packages.source holds a password" in look(tmp_path, "https://ana:secret@index.example.org/simple/")
    (tmp_path / "site.toml").write_text('[packages]\nsource = "versions.json"\nmax_age = "60d"\n')
    assert site_file.read(tmp_path).packages == Packages(source="versions.json", max_age="60d")
    (tmp_path / "site.toml").write_text('[packages]\nindex = "versions.json"\n')
    with pytest.raises(Invalid, match=r"unknown key 'index' in \[packages\]"):
        site_file.read(tmp_path)


@pytest.fixture
def world():
    made = World()
    made.files = {
        "/simple/jinja2/": project("jinja2", "jinja2-3.1.6-py3-none-any.whl"),
        "/simple/numpy/": project("numpy", "numpy-2.3.0-py3-none-any.whl"),
    }
    return made


def asked(world):
    found, world.asked = [path for _, path, _ in world.asked], []
    return found


def test_an_index_is_asked_of_each_package_once_a_day(world, server, tmp_path):
    place = f"{server}/simple"
    found = look(tmp_path, place)
    assert newer(found) == BOTH
    assert found.age.endswith(f" from {server.removeprefix('http://')}")
    assert asked(world) == ["/simple/jinja2/", "/simple/numpy/"]
    assert newer(look(tmp_path, place)) == BOTH
    assert newer(look(tmp_path, place, packages=PACKAGES[:1])) == {"Jinja2": BOTH["Jinja2"]}
    assert asked(world) == []
    more = look(tmp_path, place, packages=[("mine", "0.1")])  # of another release: the index does not have it
    assert more.unknown == ("mine 0.1, no version of it is known",)
    assert asked(world) == ["/simple/mine/"]
    look(tmp_path, place, after=DAY)
    assert asked(world) == ["/simple/jinja2/", "/simple/numpy/"]


def test_where_the_index_does_not_answer_what_it_said_is_as_good_as_its_age(world, server, tmp_path):
    place = f"{server}/simple/"
    look(tmp_path, place)
    world.status = 503
    found = look(tmp_path, place, after=2 * DAY)
    assert (newer(found), found.stale, found.failed) == (BOTH, "", True)
    assert "at most 30d may be" in look(tmp_path, place, after=40 * DAY).stale
    assert "answers 503; it is asked the next time" in look(tmp_path, place, packages=[("mine", "0.1")])
    assert {one.suffix for one in (tmp_path / "packages").iterdir()} == {".json"}


def test_one_package_without_an_answer_has_the_others_asked_no_sooner(world, server, tmp_path):
    answer, place = world.answer, f"{server}/simple"
    world.answer = lambda *given: (500, {}, b"") if "jinja2" in given[1] and answer(*given) else answer(*given)
    for _ in range(3):
        assert "answers 500 for jinja2" in look(tmp_path, place)
    assert asked(world) == ["/simple/jinja2/", "/simple/numpy/", "/simple/jinja2/", "/simple/jinja2/"]
    world.answer = answer
    found = look(tmp_path, place, after=DAY / 2)
    assert (newer(found), found.failed) == (BOTH, False)
    assert f"{datetime.now(UTC):%Y-%m-%d}" in found.age, "as of the oldest answer"


def test_where_the_index_is_always_busy_with_one_package_the_others_are_asked(world, server, tmp_path):
    answer, place, status = world.answer, f"{server}/simple", 503

    def busy(*given):
        came = answer(*given)
        return (status, {}, b"") if given[1][-3:-1] in ("p1", "p2") else came

    world.answer = busy
    some = [(f"p{n}", "1") for n in range(4)]
    world.files = {f"/simple/{name}/": project(name, f"{name}-1.tar.gz") for name, _ in some}
    for _ in range(2):
        assert "answers 503; it is asked the next time" in look(tmp_path, place, packages=some)
    assert [path[-3:-1] for path in asked(world)] == ["p0", "p1", "p1", "p2", "p3"], "twice of the first alone"
    https._silent.clear()
    status = 429
    assert "answers 429" in look(tmp_path, place, packages=some)
    assert [path[-3:-1] for path in asked(world)] == ["p1"], "who is told to ask less asks no more"


def test_where_the_answer_of_one_package_breaks_off_the_others_are_asked(world, server, tmp_path):
    answer = world.answer
    world.answer = lambda *given: (200, {"Content-Length": "9"}, b"{") if "jinja2" in given[1] else answer(*given)
    assert "broke off" in look(tmp_path, f"{server}/simple")
    assert asked(world) == ["/simple/numpy/"]


def test_all_questions_of_a_look_end_together_and_the_next_look_goes_on(world, server, tmp_path, monkeypatch):
    answer = world.answer
    world.answer = lambda *given: time.sleep(0.1) or answer(*given)
    some = [(f"p{n}", "1") for n in range(8)]
    world.files = {f"/simple/{name}/": project(name, f"{name}-1.tar.gz") for name, _ in some}
    monkeypatch.setattr(https, "WHOLE_S", 0.5)
    begun = time.monotonic()
    assert "took too long" in look(tmp_path, f"{server}/simple", packages=some)
    assert time.monotonic() - begun < 0.8
    https._silent.clear()
    assert look(tmp_path, f"{server}/simple", packages=some).newer == ()


@pytest.mark.parametrize("status", [200, 429])
def test_packages_that_end_each_look_hide_none_of_those_behind_them_for_long(
    world, server, tmp_path, monkeypatch, status
):
    answer, over = world.answer, threading.Event()

    def late(*given):
        if given[1][-3:-1] in ("p1", "p3"):
            return status, {}, b"" if status == 429 else b"." * over.wait(5)
        return answer(*given)

    world.answer = late
    some = [(f"p{n}", "1") for n in range(6)]
    world.files = {f"/simple/{name}/": project(name, f"{name}-1.tar.gz") for name, _ in some}
    monkeypatch.setattr(https, "WHOLE_S", 0.2)
    for _ in range(3):
        look(tmp_path, f"{server}/simple", packages=some)
        https._silent.clear()  # as of another process
    over.set()
    assert asked(world) == [f"/simple/p{n}/" for n in (0, 2, 4, 5)]


def test_what_finds_the_time_over_was_not_asked(tmp_path, monkeypatch):
    turns = Turns(tmp_path / "own.json")
    monkeypatch.setattr(https, "WHOLE_S", 0.0)
    end = https.End()
    refused = pytest.raises(https.LeftAlone, match=r"not asked: what came before took too long")
    with refused, turns.asks("p2"), https.asked(end, "GET", "http://127.0.0.1:1/p2"):
        raise AssertionError
    with turns.asks("p1"):
        pass
    assert turns.of(["p1", "p2"]) == ["p2", "p1"]
    assert "127.0.0.1:1" not in https._silent, "whoever else is there is asked"


def test_an_index_that_knows_html_alone(world, server, tmp_path):
    page = b"""<!DOCTYPE html>
    <html><head><meta name="pypi:repository-version" content="1.0"><title>Links for numpy</title></head><body>
    <a href="../../files/numpy-2.2.0.tar.gz#sha256=aa" data-requires-python="&gt;=3.11">numpy-2.2.0.tar.gz</a><br/>
    <A data-dist-info-metadata="sha256=bb" HREF='https://files.example.org/numpy-2.3.0-py3-none-any.whl?x=1#sha256=cc'
       data-requires-python=">=3.11">numpy-2.3.0</A>
    <a href="numpy-2.4.0%2Blocal1-py3-none-any.whl" data-yanked>numpy-2.4.0+local1-py3-none-any.whl</a>
    <a href="numpy-2.5.0.tar.gz" data-yanked="broken &quot;badly&quot;">numpy-2.5.0.tar.gz</a>
    <a href="numpy-2.6.0.exe">numpy-2.6.0.exe</a> <a href="/simple/">back</a> <abbr title="numpy-9.0.tar.gz">9</abbr>
    </body></html>"""
    world.files["/simple/numpy/"] = page
    assert newer(look(tmp_path, f"{server}/simple/")) == BOTH
    assert versions.linked(page) == ["2.2.0", "2.3.0"]


def test_an_index_that_speaks_otherwise(world, server, tmp_path):
    for odd in (b"<!doctype html><a href='/login'>Please log in</a>", b"numpy 2.3.0", b"<" * 200_000, b"<a " * 70_000):
        world.files["/simple/numpy/"] = odd
        assert "has no list of files for numpy (PEP 691 or PEP 503)" in look(tmp_path, f"{server}/simple/")
    world.status = 301
    assert "answers 301 for numpy; look at packages.source" in look(tmp_path, f"{server}/simple/")
    assert "cannot be reached" in look(tmp_path, "http://127.0.0.1:1/")
