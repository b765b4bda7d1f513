"""Data files: strict reading, cell by cell and file by file."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_study import CODEBOOK, csv_text, rows, write_study

from harness.data import read_codebook, read_frame, read_table
from harness.data.cells import integer, number
from harness.data.hash import sha256_of_file
from harness.errors import DataError


def reading(folder, data=None):
    write_study(folder, data=data)
    return read_frame(folder / "small.csv", read_codebook(folder / "codebook.csv"))


def test_columns_have_the_types_of_the_codebook(tmp_path):
    found = reading(tmp_path)
    frame = found.frame
    assert list(frame.columns) == [line.split(",")[0] for line in CODEBOOK.splitlines()[1:]]
    assert list(frame["id"].cat.categories) == [f"p{i}" for i in range(8)]
    assert list(frame["arm"].cat.categories) == ["TAU", "New"]
    assert list(frame["visit"].cat.categories) == ["0", "2"]
    for name in ("sessions", "bdi", "il6", "body mass", "late"):
        assert frame[name].dtype == np.float64, name
    assert frame["seen"].dtype.kind == "M"
    assert frame["seen"][3].date() == dt.date(2021, 3, 11)
    assert frame["note"].dtype == "str"
    assert frame["note"][13] == "moved; asked, again"
    assert found.findings == ()
    assert found.sha256 == sha256_of_file(tmp_path / "small.csv")


def test_missing_is_the_empty_cell_and_na_and_nothing_else(tmp_path):
    frame = reading(tmp_path).frame
    assert frame["sessions"].isna().sum() == 8
    assert np.flatnonzero(frame["bdi"].isna()).tolist() == [7]
    assert frame["note"].isna().sum() == 15


NOT_NUMBERS = [
    "1,5",
    "0x10",
    "1_000",
    "nan",
    "NaN",
    "inf",
    "-Inf",
    "1e",
    "e5",
    ".",
    "-",
    "+1",
    "<0.5",
    "1.2.3",
    "1e999",
    "५",
    "½",
    "na",
    "N/A",
    "--1",
    "1f",
    "TRUE",
]
NOT_NUMBERS += [" 5", "5 ", "1\u00a0000"]


@pytest.mark.parametrize("cell", NOT_NUMBERS)
def test_what_is_not_strictly_a_number_is_a_finding(tmp_path, cell):
    table = rows()
    table[4]["il6"] = cell
    found = reading(tmp_path, csv_text(table))
    assert np.isnan(found.frame["il6"][4])
    assert [(f.row, f.variable, f.text, f.wanted) for f in found.findings] == [
        (5, "il6", cell, "a number")
    ]


@pytest.mark.parametrize(
    ("column", "cell", "wanted"),
    [
        ("bdi", "12.0", "a whole number"),
        ("bdi", "1e1", "a whole number"),
        ("bdi", "9" * 16, "a whole number"),
        ("arm", "tau", "one of TAU, New"),
        ("arm", "TAU ", "one of TAU, New"),
        ("visit", "1", "one of 0, 2"),
        ("late", "yes", "true or false"),
        ("late", "2", "true or false"),
        ("seen", "2021-02-30", "a date as YYYY-MM-DD"),
        ("seen", "2021-2-3", "a date as YYYY-MM-DD"),
        ("seen", "03/02/2021", "a date as YYYY-MM-DD"),
        ("seen", "20210203", "a date as YYYY-MM-DD"),
    ],
)
def test_other_types_are_as_strict(tmp_path, column, cell, wanted):
    table = rows()
    table[0][column] = cell
    found = reading(tmp_path, csv_text(table))
    assert pd.isna(found.frame[column][0])
    assert [(f.row, f.variable, f.text, f.wanted) for f in found.findings] == [
        (1, column, cell, wanted)
    ]


@pytest.mark.parametrize("cell", ["5", "-5", "0.5", ".5", "5.", "1e3", "-1.5E-03", "00012"])
def test_plain_decimal_spellings_are_numbers(cell):
    assert number(cell) == float(cell)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_read_back_exactly(value):
    assert number(repr(value)) == value


@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_every_whole_number_of_fifteen_digits_is_exact(value):
    assert integer(str(value)) == value


def test_findings_stand_in_the_order_of_the_rows(tmp_path):
    table = rows()
    table[5]["bdi"] = "x"
    table[2]["il6"] = "y"
    table[5]["arm"] = "z"
    found = reading(tmp_path, csv_text(table))
    assert [(f.row, f.variable) for f in found.findings] == [(3, "il6"), (6, "arm"), (6, "bdi")]


def test_tsv(tmp_path):
    write_study(tmp_path)
    (tmp_path / "small.tsv").write_text(csv_text(rows(), "\t"))
    found = read_frame(tmp_path / "small.tsv", read_codebook(tmp_path / "codebook.csv"))
    pd.testing.assert_frame_equal(found.frame, reading(tmp_path).frame)


def test_windows_line_ends_and_quoted_line_breaks(tmp_path):
    text = csv_text(rows()).replace("\n", "\r\n").replace('"moved; asked, again"', '"moved\r\n,"')
    found = reading(tmp_path, None)
    (tmp_path / "small.csv").write_bytes(text.encode())
    again = read_frame(tmp_path / "small.csv", read_codebook(tmp_path / "codebook.csv"))
    assert again.frame["note"][13] == "moved\r\n,"
    pd.testing.assert_frame_equal(
        again.frame.drop(columns="note"), found.frame.drop(columns="note")
    )


def test_columns_only_one_side_knows(tmp_path):
    table = [{k: v for k, v in row.items() if k != "bdi"} for row in rows()]
    with pytest.raises(DataError, match="column `bdi` is not in the file"):
        reading(tmp_path, csv_text(table))
    with pytest.raises(DataError, match="column `extra` is not in the codebook"):
        reading(tmp_path, csv_text([{**row, "extra": "1"} for row in rows()]))


BROKEN = {
    "empty": (b"", "small.csv: is empty"),
    "blanks": (b"\n \n\n", "small.csv: is empty"),
    "byte-order mark": (b"\xef\xbb\xbfid,y\n1,2\n", "small.csv:1: starts with a byte-order mark"),
    "utf-16": ("id,y\n1,2\n".encode("utf-16"), "small.csv:1: is UTF-16"),
    "latin-1": (b"id,y\n1,2\n\xe9,2\n", "small.csv:3: not UTF-8 (byte 0xe9)"),
    "nul": (b"id,y\n1,\0\n", "small.csv:2: a NUL byte"),
    "too few cells": (b"id,y\n1,2\n3\n", "small.csv:3: 1 cells, the header has 2"),
    "too many cells": (b"id,y\n1,2\n1,2,3\n", "small.csv:3: 3 cells, the header has 2"),
    "blank line": (b"id,y\n1,2\n\n3,4\n", "small.csv:3: a blank line"),
    "behind a line break in a cell": (b'id,y\n"1\n1",2\n3\n', "small.csv:4: 1 cells"),
    "open quotation": (b'id,y\n1,2\n"3,4\n5,6\n', "small.csv:3: a quotation that does not end"),
    "text behind a quotation": (b'id,y\n"1"x,2\n', "small.csv:2: "),
    "same name": (b"id,y,id\n1,2,3\n", "small.csv:1: two columns named `id`"),
    "same but for case": (
        b"id,y,ID\n1,2,3\n",
        "small.csv:1: the columns `id` and `ID` differ only",
    ),
    "no name": (b"id,,y\n1,2,3\n", "small.csv:1: column 2 has no name"),
    "a name R cannot have": (b"id,..1\n1,2\n", "small.csv:1: R can have no column called `..1`"),
    "blanks around a name": (b"id, y\n1,2\n", "small.csv:1: the name ' y' has outer blanks"),
    "no header": (b"1,2\n3,4\n", "small.csv:1: there is no header"),
    "blank header": (b"\nid,y\n", "small.csv:1: a blank line where the header"),
    "semicolons": (b"id;y\n1;2\n", "small.csv:1: columns seem separated by ';'"),
}


@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused_with_its_line(tmp_path, content, message):
    (tmp_path / "small.csv").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "small.csv")
    assert f"{tmp_path}/{message}" in str(caught.value)
    assert caught.value.exit_code == 2


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_table(tmp_path / "no.csv")
    with pytest.raises(DataError, match=r"suffix must be .csv or .tsv"):
        read_table(tmp_path / "data.parquet")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="not a regular file"):
        read_table(tmp_path / "folder.csv")


# -- without a codebook -----------------------------------------------------------------------


def table(folder, text, factors=None):
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return read_table(folder / "t.csv", factors)


def test_text_becomes_a_factor_in_code_point_order(tmp_path):
    frame = table(tmp_path, "g,y\nb,1\nB,2\na,NA\né,4\nZ,5\n")
    assert list(frame["g"].cat.categories) == ["B", "Z", "a", "b", "é"]
    assert frame["y"].dtype == np.float64
    assert frame["y"].isna().tolist() == [False, False, True, False, False]


def test_a_named_number_becomes_a_factor_in_ascending_order(tmp_path):
    frame = table(tmp_path, "s,y\n10,1\n9,2\n-1,3\nNA,4\n1.50,5\n1.5,6\n", {"s": None})
    assert list(frame["s"].cat.categories) == ["-1", "1.5", "9", "10"]
    assert frame["s"].cat.codes.tolist() == [3, 2, 0, -1, 1, 1]


def test_levels_and_their_order_can_be_given(tmp_path):
    text = "arm,dose\nMBSR,1\nTAU,2.0\nMBSR,2\n"
    frame = table(tmp_path, text, {"arm": ("TAU", "MBSR"), "dose": ("2", "1.0")})
    assert list(frame["arm"].cat.categories) == ["TAU", "MBSR"]
    assert frame["arm"].cat.codes.tolist() == [1, 0, 1]
    assert frame["dose"].cat.codes.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"amr": None}, "no column `amr`"),
        ({"arm": ("TAU",)}, r"t.csv:2: `MBSR` is none of the levels TAU of `arm`"),
        ({"arm": ("TAU", "MBSR", "CBT")}, "`CBT` does not occur"),
        ({"arm": ("TAU", "MBSR", "TAU")}, "a level stands twice"),
    ],
)
def test_factors_that_do_not_fit_are_refused(tmp_path, factors, message):
    with pytest.raises(DataError, match=message):
        table(tmp_path, "arm,y\nMBSR,1\nTAU,2\n", factors)


def test_one_bad_number_does_not_turn_a_column_into_a_factor(tmp_path):
    text = 'y,x\n1,1\n"1,5",2\n3,3\n'
    with pytest.raises(DataError, match=r"t.csv:3: `y` holds numbers, but here `1,5`"):
        table(tmp_path, text)
    assert list(table(tmp_path, text, {"y": None})["y"].cat.categories) == ["1", "1,5", "3"]
