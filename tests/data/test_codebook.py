"""Codebooks: what is read, and every mistake with its line."""

# ruff: noqa: E501 - the tables of mistakes have one case a line

import pytest
from small_study import CODEBOOK, changed

from harness.data import read_codebook
from harness.errors import PlanError


def written(folder, text):
    path = folder / "codebook.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_said_is_there(tmp_path):
    book = read_codebook(written(tmp_path, CODEBOOK))
    known = book.by_name
    assert [v.name for v in book.variables][:3] == ["id", "arm", "visit"]
    assert known["visit"].levels == ("0", "2")
    il6 = known["il6"]
    assert (il6.minimum, il6.maximum, il6.lod, il6.missing) == (0.05, 50.0, 0.1, 0.1)
    assert (il6.unit, il6.times, il6.numeric) == ("pg/mL", ("0", "2"), True)
    assert known["bdi"].direction == "higher is worse"
    assert known["body mass"].missing == 0.0
    assert known["seen"].numeric is False
    assert il6.line == 7


def test_items_and_their_divisor(tmp_path):
    text = CODEBOOK + "total,number,,,,,,bdi;il6,,,,\nmean,number,,,,,,bdi;il6 / 2,,,,\n"
    known = read_codebook(written(tmp_path, text)).by_name
    assert (known["total"].items, known["total"].divisor) == (("bdi", "il6"), 1.0)
    assert (known["mean"].items, known["mean"].divisor) == (("bdi", "il6"), 2.0)


def test_columns_may_be_left_out_and_stand_in_any_order(tmp_path):
    book = read_codebook(written(tmp_path, "type,variable\nid,who\nnumber,y\n"))
    assert [v.name for v in book.variables] == ["who", "y"]


MISTAKES = [
    ("unknown column", "variable,type,levels,unit", "variable,type,level,unit", 1, "level", "did you mean `levels`?"),
    ("type", "bdi,integer", "bdi,int", 6, "bdi.type", "did you mean"),
    ("number", "points,0,63", "points,0,6e", 6, "bdi.max", "`6e` is not a number"),
    ("decimal comma", "0.05,50,0.1", '"0,05",50,0.1', 7, "il6.min", "`0,05` is not a number"),
    ("min above max", "points,0,63", "points,64,63", 6, "bdi.max", "is below min"),
    ("share", "Depression Inventory,,0.1", "Depression Inventory,,10", 6, "bdi.missing", "share from 0 to 1"),
    ("direction", "higher is worse", "lower is worse", 6, "bdi.direction", "higher is better"),
    ("factor without levels", "arm,factor,TAU;New", "arm,factor,", 3, "arm.levels", "at least two levels"),
    ("level twice", "TAU;New", "TAU;New;TAU", 3, "arm.levels", "`TAU` stands twice"),
    ("blank level", "TAU;New", "TAU; New", 3, "arm.levels", "blanks around"),
    ("missing level", "TAU;New", "TAU;NA", 3, "arm.levels", "empty, `NA`"),
    ("levels of a number", "bdi,integer,,", "bdi,integer,0;1,", 6, "bdi.levels", "only a factor"),
    ("limits of a text", "note,text,,,,", "note,text,,,0,", 11, "note.min", "limits are for numbers"),
    ("variable twice", "note,text", "bdi,text", 11, "bdi.variable", "already in line 6"),
    ("variable twice but for case", "note,text", "BDI,text", 11, "BDI.variable", "already in line 6"),
    ("no name", "note,text", ",text", 11, "variable", "has no name"),
    ("no id", "id,id,", "id,text,", None, "", "no variable of type id"),
    ("unknown item", "bdi,integer,,points,0,63,,,", "bdi,integer,,points,0,63,,q1;q2,", 6, "bdi.items", "no variable `q1`"),
    ("item of itself", "bdi,integer,,points,0,63,,,", "bdi,integer,,points,0,63,,bdi;il6,", 6, "bdi.items", "its own items"),
    ("item that is text", "bdi,integer,,points,0,63,,,", "bdi,integer,,points,0,63,,note;il6,", 6, "bdi.items", "items are numbers"),
    ("items of a flag", "late,flag,,,,,,,", "late,flag,,,,,,bdi;il6,", 10, "late.items", "a sum of items is a number"),
    ("divisor", "bdi,integer,,points,0,63,,,", "bdi,integer,,points,0,63,,il6 / 0,", 6, "bdi.items", "positive number"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "message"),
    [c[1:] for c in MISTAKES],
    ids=[c[0] for c in MISTAKES],
)
def test_a_mistake_is_a_problem_with_its_line(tmp_path, old, new, line, key, message):
    with pytest.raises(PlanError) as caught:
        read_codebook(written(tmp_path, changed(CODEBOOK, old, new)))
    matching = [p for p in caught.value.problems if p.key == key and message in p.message]
    assert matching, str(caught.value)
    assert matching[0].line == line


def test_all_problems_at_once(tmp_path):
    text = changed(changed(CODEBOOK, "bdi,integer", "bdi,int"), "TAU;New", "TAU")
    with pytest.raises(PlanError) as caught:
        read_codebook(written(tmp_path, text))
    assert [p.line for p in caught.value.problems] == [3, 6]


def test_a_codebook_without_types_says_so(tmp_path):
    with pytest.raises(PlanError) as caught:
        read_codebook(written(tmp_path, "variable,label\nid,Patient\n"))
    assert [(p.line, p.key) for p in caught.value.problems] == [(1, "type")]


def test_a_ragged_codebook_names_its_line(tmp_path):
    with pytest.raises(PlanError, match=r"codebook.csv:4: 3 cells, the header has 12"):
        read_codebook(
            written(
                tmp_path, changed(CODEBOOK, "visit,factor,0;2,,,,,,,Visit,,", "visit,factor,0;2")
            )
        )


def test_a_codebook_that_is_not_there(tmp_path):
    with pytest.raises(PlanError, match="does not exist"):
        read_codebook(tmp_path / "codebook.csv")
