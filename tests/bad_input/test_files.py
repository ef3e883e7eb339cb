"""Files that are missing, unreadable, empty, cut off or in another encoding; ragged lines in good ones."""

import gzip
import os
import sqlite3
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq

from .conftest import as_a_person, rows

PACKED = gzip.compress(rows().encode())
NO_ROWS = "rows >= 100 is broken, found 0"


def source(desk, name, data):
    """The project reads another file, which holds this."""
    desk.edit("arkwright.toml", '"buyers.csv"', f'"{name}"')
    desk.path(name).write_bytes(data)


# missing --------------------------------------------------------------------------------------------------------------


def test_a_missing_file_is_named_with_what_is_there(desk):
    desk.path("buyers.csv").rename(desk.path("buyers2.csv"))
    desk.refused(3, "there is no file 'buyers.csv'", 'did you mean "buyers2.csv"?')


def test_a_glob_that_matches_nothing(desk):
    desk.edit("arkwright.toml", '"buyers.csv"', '"buyers-*.csv"')
    desk.refused(3, "no file matches 'buyers-*.csv'")


def test_a_folder_where_a_file_should_be(desk):
    desk.path("buyers.csv").unlink()
    desk.path("buyers.csv").mkdir()
    desk.refused(2, "'buyers.csv' is a folder", "buyers.csv/*.csv")


def test_what_looks_like_a_file_and_is_none(desk):
    for made in (lambda path: path.symlink_to(path), os.mkfifo):
        desk.path("buyers.csv").unlink()
        made(desk.path("buyers.csv"))
        desk.fails(3, "there is no file 'buyers.csv'")
        desk.restore()
    desk.works()


def test_a_project_without_one_of_its_files(desk):
    desk.path("arkwright.toml").unlink()
    desk.fails(3, "there is no arkwright.toml", "arkwright new NAME")
    desk.restore()
    desk.path("shop.py").rename(desk.path("shops.py"))
    desk.refused(3, "the code file 'shop.py' does not exist", 'did you mean "shops.py"?')


# unreadable -----------------------------------------------------------------------------------------------------------


def test_a_file_that_may_not_be_read(desk):
    before = desk.events()
    for name in ("buyers.csv", "arkwright.toml", "shop.py"):
        desk.path(name).chmod(0)
        answer = desk.shell("run", preexec_fn=as_a_person)
        desk.told(answer, 2, name, "permission denied")
        desk.nothing_claimed(before, answer, ())
        desk.path(name).chmod(0o644)
        before = desk.events()
    desk.works()


def test_a_folder_where_a_project_file_should_be(desk):
    for name in ("arkwright.toml", "shop.py"):
        desk.path(name).unlink()
        desk.path(name).mkdir()
        desk.fails(2, f"{name} cannot be read: is a directory")
        desk.restore()
    desk.works()


# empty ----------------------------------------------------------------------------------------------------------------


def test_an_empty_csv(desk):
    for data, told in ((b"", "is empty"), (b"\n\n", "is empty"), (b"\xef\xbb\xbf", "is empty")):
        desk.path("buyers.csv").write_bytes(data)
        desk.fails(2, f"buyers.csv {told}")
    desk.restore()
    desk.works()


def test_an_empty_file_of_every_kind(desk):
    for name in ("b.csv.gz", "b.zip", "b.parquet", "b.jsonl"):
        source(desk, name, b"")
        desk.fails(2, f"{name} is empty")
        desk.restore()
    desk.works()


def test_a_header_and_nothing_else_is_no_data(desk):
    desk.csv("buyers.csv", ["id,country,spent,age,again"])
    desk.refused(4, NO_ROWS, "nothing was trained", made=("buyers",))


def test_an_empty_project_file_says_what_belongs_there(desk):
    desk.path("arkwright.toml").write_text("")
    desk.refused(2, "arkwright.toml", 'the key "project" is missing')


def test_an_empty_code_file(desk):
    desk.path("shop.py").write_text("")
    desk.refused(2, "arkwright.toml:9", "shop.py has no class 'Buyer'")


# cut off --------------------------------------------------------------------------------------------------------------


def parquet(path, cut=None):
    table = pa.table({"id": range(400), "country": ["DE"] * 400, "spent": [1.5] * 400, "age": [3] * 400})
    pq.write_table(table.append_column("again", [[0] * 400]), path)
    return path.read_bytes()


def test_a_packed_file_that_is_cut_off(desk):
    source(desk, "b.csv.gz", b"")
    for share in (0.1, 0.5, 0.99):
        desk.path("b.csv.gz").write_bytes(PACKED[: int(share * len(PACKED))])
        desk.fails(2, "b.csv.gz ends in the middle: it is cut off; fetch it again")
    desk.path("b.csv.gz").write_bytes(PACKED)
    desk.works()


def test_other_kinds_of_files_that_are_cut_off(desk, tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("b.csv", rows())
    with sqlite3.connect(tmp_path / "b.db") as base:
        base.execute("CREATE TABLE b (id INTEGER, country TEXT, spent REAL, age INTEGER, again INTEGER)")
        base.executemany("INSERT INTO b VALUES (?, 'DE', 1.5, 3, 0)", [(i,) for i in range(2000)])
    base.close()
    packed = pa.compress(rows().encode(), codec="zstd", asbytes=True)
    for name, data in (
        ("b.zip", (tmp_path / "b.zip").read_bytes()),
        ("b.csv.zst", packed),
        ("b.parquet", parquet(tmp_path / "b.parquet")),
    ):
        source(desk, name, data[: len(data) // 2])
        desk.fails(2, name)
        desk.restore()
    desk.edit("arkwright.toml", '"buyers.csv"', '"sqlite:///b.db?table=b"')
    data = (tmp_path / "b.db").read_bytes()
    desk.path("b.db").write_bytes(data[: len(data) // 2])
    desk.refused(2, "b.db", "malformed")


def test_text_that_is_cut_off_within_quotes(desk):
    desk.csv("buyers.csv", [*rows(150).splitlines(), '150,"DE'])
    desk.refused(2, "buyers.csv: the last quote is opened and never closed; is the file cut off?")


def test_a_last_line_that_is_cut_off_is_one_bad_row(desk):
    desk.path("buyers.csv").write_text(rows(200)[: rows(200).rindex("DE") + 2])
    desk.works()
    assert desk.dataset().rows == 199
    assert desk.bad_rows() == [(200, "2 values where there are 5 columns")]


def test_json_lines_that_are_cut_off_lose_one_row(desk):
    lines = [f'{{"id": {i}, "country": "DE", "spent": 1.5, "again": 0}}' for i in range(200)]
    source(desk, "b.jsonl", "\n".join(lines)[:-9].encode())
    desk.works()
    assert desk.dataset().rows == 199
    ((row, reason),) = desk.bad_rows()
    assert row == 200
    assert reason.startswith("the line is not JSON")


def test_a_project_file_that_is_cut_off(desk):
    text = desk.path("arkwright.toml").read_text()
    desk.path("arkwright.toml").write_text(text[: text.index("rows >= 100") + 5])
    desk.refused(2, "arkwright.toml:11: unterminated string; is the file cut off?")


def test_a_code_file_that_is_cut_off(desk):
    desk.path("shop.py").write_text(desk.path("shop.py").read_text() + "\n\ndef more(")
    desk.refused(2, "shop.py:14: '(' was never closed")


# encodings ------------------------------------------------------------------------------------------------------------


def test_text_of_two_bytes_a_letter(desk):
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        desk.csv("buyers.csv", rows().splitlines(), encoding)
        desk.fails(2, "buyers.csv is UTF-16", "save it as UTF-8")
    desk.restore()
    desk.works()


def test_a_mark_of_utf8_is_no_part_of_the_first_name(desk):
    desk.csv("buyers.csv", rows().splitlines(), "utf-8-sig")
    for name in ("arkwright.toml", "shop.py"):
        desk.path(name).write_text(desk.path(name).read_text(), encoding="utf-8-sig")
    desk.works()
    assert desk.table()["id"][:3] == [0, 1, 2]


def test_latin1_rows_are_quarantined_with_the_way_out(desk):
    desk.csv("buyers.csv", [*rows(150).splitlines(), "150,Österreich,1.5,3,0", "151,DE,1.5,3,0"], "latin-1")
    answer = desk.works()
    assert "1 rows are not UTF-8; is it Latin-1? iconv -f LATIN1 -t UTF-8" in answer.err
    assert desk.bad_rows() == [(151, 'country: "\\\\xd6sterreich" is not UTF-8')]
    assert desk.dataset().rows == 151
    assert desk.dataset().reasons == {"country is not UTF-8": 1}


def test_latin1_names(desk):
    desk.csv("buyers.csv", ["id,country,spent,age,again,größe"], "latin-1")
    desk.refused(2, "buyers.csv: its column names are not UTF-8", "iconv -f LATIN1 -t UTF-8")


def test_a_project_file_in_latin1(desk):
    for name, line in (("arkwright.toml", 12), ("shop.py", 12)):
        desk.path(name).write_bytes(desk.path(name).read_bytes() + "# Größe\n".encode("latin-1"))
        desk.fails(2, f"{name}:{line}: this is not UTF-8; save the file as UTF-8")
        desk.restore()
    desk.edit("arkwright.toml", "[data.buyers]", "[data.big]\n\n[data.buyers]")
    desk.path("big.sql").write_bytes("SELECT * FROM buyers\nWHERE country = 'Österreich'".encode("latin-1"))
    desk.refused(2, "big.sql:2: this is not UTF-8; save the file as UTF-8")


# ragged ---------------------------------------------------------------------------------------------------------------


def test_ragged_rows_are_quarantined_and_counted(desk):
    lines = rows(150).splitlines()
    lines[3] += ",one,more"
    lines[7] = "6"
    lines[150] = lines[150].rpartition(",")[0]
    desk.csv("buyers.csv", lines)
    desk.works()
    assert desk.dataset().rows == 147
    assert desk.bad_rows() == [(row, f"{n} values where there are 5 columns") for row, n in ((3, 7), (7, 1), (150, 4))]
    assert desk.dataset().reasons == {"has more or fewer values than there are columns": 3}
    assert desk.table()["id"][:8] == [0, 1, 3, 4, 5, 7, 8, 9]


def test_a_file_of_ragged_rows_breaks_the_promise_of_rows(desk):
    desk.csv("buyers.csv", ["id,country,spent,age,again", *["1,2"] * 300])
    answer = desk.refused(4, NO_ROWS, made=("buyers",))
    assert "300" in answer.out


def test_another_separator_is_recognised(desk):
    for separator, said in ((";", "';'; write it with commas"), ("\t", "tabs (name it .tsv)"), ("|", "'|'")):
        desk.csv("buyers.csv", [line.replace(",", separator) for line in rows().splitlines()])
        desk.fails(2, f"buyers.csv is separated by {said}")
    desk.restore()
    desk.works()
