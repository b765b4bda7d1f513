"""CSV files of estimates: what is read, and what is refused in one line with its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.estimates.csv_file import MAX_BYTES, PrintedFile, read_csv_estimates
from harness.models.spec import ModelKey

TIDY = Path(__file__).parents[1] / "compare" / "tidy" / "sleepstudy.csv"


def read(folder: Path, text: str | bytes, name: str = "paper.csv") -> PrintedFile:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_csv_estimates(path)


def values(file: PrintedFile) -> dict[tuple[str, str], object]:
    return {(n.term, n.quantity): n.written.value for n in file.numbers}


def test_brooms_tidy_table() -> None:
    found = values(read_csv_estimates(TIDY))
    assert len(found) == 18
    assert found["Days", "std_error"] == 1.54578889288849
    assert found["(Intercept)", "conf_low"] == 237.006549848271
    assert found["sd(Subject:Days)", "sd"] == 5.92213308186667
    assert found["cor(Subject:(Intercept),Days)", "cor"] == 0.0655513775524519
    assert found["sigma", "sigma"] == 25.5918157386296
    assert ("sigma", "std_error") not in found


def test_a_coefficient_table_as_r_writes_it(tmp_path: Path) -> None:
    table = '"","Estimate","Std. Error","df","t value","Pr(>|t|)"\n"Days",10.4,1.5,17,6.9,0.001\n'
    assert values(read(tmp_path, table)) == {
        ("Days", "estimate"): 10.4,
        ("Days", "std_error"): 1.5,
        ("Days", "df"): 17,
        ("Days", "statistic"): 6.9,
        ("Days", "p_value"): 0.001,
    }


def test_row_numbers_beside_a_column_of_terms_are_no_terms(tmp_path: Path) -> None:
    assert values(read(tmp_path, '"","term","estimate"\n"1","Days",10.4\n')) == {
        ("Days", "estimate"): 10.4
    }


def test_a_hand_made_table_with_our_names(tmp_path: Path) -> None:
    table = (
        "term,estimate,p_value,n_obs,converged,n_groups\n"
        "Days,1.40,0.03,,,\nsd(g:(Intercept)),2.1,,,,\nsigma,3,,,,\n,,,180,TRUE,\ng,,,,,18\n"
    )
    assert values(read(tmp_path, table)) == {
        ("Days", "estimate"): 1.4,
        ("Days", "p_value"): 0.03,
        ("sd(g:(Intercept))", "sd"): 2.1,
        ("sigma", "sigma"): 3.0,
        ("", "n_obs"): 180,
        ("", "converged"): True,
        ("g", "n_groups"): 18,
    }


def test_a_coefficient_called_sigma_is_one_where_the_file_says_so(tmp_path: Path) -> None:
    found = values(read(tmp_path, "effect,term,estimate\nfixed,sigma,1.5\nfixed,sd__x,2\n"))
    assert found == {("sigma", "estimate"): 1.5, ("sd__x", "estimate"): 2.0}


def test_a_long_table_with_keys(tmp_path: Path) -> None:
    table = "set,outcome,term,quantity,value\nITT,bdi,week,estimate,-1.40\nPP,bdi,week,estimate,2\n"
    file = read(tmp_path, table)
    assert file.keys == ("set", "outcome")
    assert [n.key for n in file.numbers] == [ModelKey("", "ITT", "bdi"), ModelKey("", "PP", "bdi")]
    assert [n.written.text for n in file.numbers] == ["-1.40", "2"]


def test_a_diff_table_holds_two_engines(tmp_path: Path) -> None:
    from estimates_by_hand import KEY, pair

    from harness.compare import CrossCheck, DiffTable, compare_model
    from harness.report.files import diff_csv

    python, r = pair()
    table = DiffTable(compare_model(KEY, python, r, CrossCheck(1234.5)))
    file = read(tmp_path, diff_csv(table), "diff.csv")
    assert {n.engine for n in file.numbers} == {"python", "r"}
    # All of it but the check at one theta, which is no estimate.
    assert len(file.numbers) == 2 * (len(table.rows) - 1)
    assert {n.df_method for n in file.numbers} == {"satterthwaite"}


def test_the_apostrophe_that_keeps_a_formula_asleep_is_no_part_of_a_name(tmp_path: Path) -> None:
    found = values(read(tmp_path, "term,estimate\n'=cmd(),1\n-x,2\n'quoted,3\n"))
    assert [term for term, _ in found] == ["=cmd()", "-x", "'quoted"]


def test_excels_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, b"\xef\xbb\xbfterm,estimate\r\nDays,1.40\r\n")
    assert values(found) == {("Days", "estimate"): 1.4}


def test_missing_cells_are_no_numbers_and_nan_is_one(tmp_path: Path) -> None:
    found = values(read(tmp_path, "term,estimate,df\na,NA,Inf\nb,,\nc,NaN,-Inf\n"))
    assert list(found) == [("a", "df"), ("c", "estimate"), ("c", "df")]


def test_tabs_in_a_tsv(tmp_path: Path) -> None:
    assert values(read(tmp_path, "term\testimate\nDays\t1.4\n", "a.tsv"))


REFUSED = {
    "unknown column": ("term,estimate,se\na,1,2\n", ":1: `se` is no column of a table"),
    "no term": ("estimate,df\n1,2\n", ":1: no column `term`"),
    "no number": ("term,effect\na,fixed\n", ":1: no column of numbers"),
    "nothing": ("term,estimate\na,NA\n", "holds no number"),
    "two of one": ("term,p.value,p_value\na,1,1\n", ":1: `p_value` is a second column"),
    "twice": ("term,estimate\na,1\nb,2\na,1\n", ":4: estimate of `a` is given twice, first"),
    "a word": ("term,estimate\na,1\nb,high\n", ":3: estimate `high` is not a number"),
    "a formula": ("term,estimate\na,=1+1\n", ":2: estimate `=1+1` is not a number"),
    "decimal comma": ('term,estimate\na,"1,40"\n', "decimals are written with a point"),
    "semicolons": ("term;estimate\na;1,40\n", ":1: columns seem separated by ';'"),
    "ragged": ("term,estimate\na,1,40\n", ":2: 3 cells, the header has 2"),
    "NUL": ("term,estimate\na\0,1\n", ":2: a NUL byte"),
    "UTF-16": ("term,estimate\na,1\n".encode("utf-16"), "is UTF-16"),
    "latin-1": (b"term,estimate\n\xe9,1\n", ":2: not UTF-8"),
    "empty": ("", "is empty"),
    "open quote": ('term,estimate\n"a,1\n', "a quotation that does not end"),
    "huge cell": (f"term,estimate\n{'a' * 200_000},1\n", "field larger than field limit"),
    "random modes": ("effect,term,estimate\nran_vals,a,1\n", "effect `ran_vals` is not compared"),
    "zero part": ("component,term,estimate\nzi,a,1\n", "component `zi` is not compared"),
    "variance": (
        "effect,group,term,estimate\nfixed,NA,x,1\nran_pars,g,var__x,1\n",
        ":3: `var__x` is a variance",
    ),
    "grouped": ("group,term,estimate\ng,x,1\n", ":2: `x` has a group and is no variance"),
    "quantity": ("term,quantity,value\na,beta,1\n", ":2: quantity `beta` is none of estimate"),
    "value alone": ("term,value\na,1\n", "a column `value` needs a column `quantity`"),
    "value and r": ("term,quantity,value,r\na,df,1,2\n", "keep one kind"),
    "count": ("term,n_groups\ng,2.5\n", "n_groups `2.5` is no count"),
    "flag": ("term,quantity,value\n,singular,perhaps\n", "is neither TRUE nor FALSE"),
    "fit of a term": ("term,aic\nx,1\n", "aic belongs to the whole fit"),
    "no name": ("term,estimate\n,1\n", "estimate has no term"),
    "control": ("term,estimate\na,1\nb,\x1b[31m\n", "\\x1b[31m"),
    "case": ("term,estimate,Estimate\na,1,1\n", "differ only by case"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    told = str(caught.value)
    assert message in told
    assert told.startswith(str(tmp_path / "paper.csv"))
    assert "\n" not in told
    assert caught.value.exit_code == 2
    assert len(told) < len(str(tmp_path)) + 500


def test_a_pipe_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="not a regular file"):
        read_csv_estimates(tmp_path / "pipe.csv")
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(DataError, match="larger than"):
        read_csv_estimates(tmp_path / "huge.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_csv_estimates(tmp_path / "none.csv")
