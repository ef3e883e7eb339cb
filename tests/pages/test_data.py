"""The pages about data, over a real control room."""

import re

from tests.pages.test_runs import page, worker


def test_a_dataset_its_promises_columns_and_lineage(room):
    assert "buyers@1" in page(room, "/data")[1]
    status, text = page(room, "/data/buyers@1")
    assert status == 200
    for said in (
        "rows &gt;= 100",
        "Promises over versions",
        'href="/data/visits@1"',
        'href="/releases/buys@1"',
        "shop@1",
    ):
        assert said in text
    assert 'hx-get="/data/buyers@1/profile"' in text
    _, text = page(room, "/data/buyers@1/profile")
    assert len(re.findall(r"histogram from", text)) >= 3
    assert "Every row fits" in page(room, "/data/buyers@1/quarantine")[1]
    assert page(room, "/data/buyers@7")[0] == 404
    assert page(room, "/data/buyers@1?before=x")[0] == 422


def test_hostile_rows_are_set_apart_as_text(room):
    path = room.at.folder / "buyers.csv"
    hostile = "<script>alert(1)</script>"
    path.write_text(path.read_text() + f"1000,DE,{hostile},20,0\n" * 60 + f"2000,{hostile},3,20,0\n")
    room.at.run(by=worker("ana"))
    for place in ("/data", "/data/buyers", "/data/buyers@2/quarantine", "/data/buyers@2/profile"):
        status, text = page(room, place)
        assert status == 200
        assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in page(room, "/data/buyers@2/profile")[1]
    _, text = page(room, "/data/buyers@2/quarantine")
    (following,) = re.findall(r'rel="next" href="([^"]*)"', text)
    _, text = page(room, following.replace("&amp;", "&"))
    assert ">460<" in text
    assert re.search(r'<td class="raw">[^<]*1000[^<]*&lt;script&gt;alert\(1\)', text), "what the row held"
    history = page(room, "/data/buyers@2")[1].partition('aria-labelledby="history"')[2].partition("</section>")[0]
    assert history.count('<path class="spark"') == 2, "of each promise, over both versions"
    assert page(room, "/data/buyers@2/quarantine?after=nowhere")[0] == 422
