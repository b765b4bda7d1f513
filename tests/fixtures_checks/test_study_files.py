"""What every study folder promises: pins, codebook, scores, nobody identifiable."""

from __future__ import annotations

import hashlib
import re
from itertools import pairwise

import numpy as np
import pandas as pd

from .study_files import MISSING, StudyFiles

TYPES = {"id", "factor", "integer", "number", "date", "text", "flag"}
DIRECTIONS = {"", "higher is worse", "higher is better"}
IDENTIFIERS = re.compile(
    r"(?:^|_)(?:name|surname|initials|e?mail|phone|address|street|postcode|zip|birth|dob|nhs|ssn|mrn|"
    r"passport|record_number)(?:_|$)",
    re.IGNORECASE,
)
CONTACT = re.compile(r"@|\+?\d[\d ()-]{8,}\d$")


def test_pin_agrees_with_data(study: StudyFiles) -> None:
    path = study.folder / study.plan["data"]["file"]
    assert study.plan["data"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest(), (
        f"{study.folder / 'plan.yaml'}: data.sha256 is not the hash of {path.name}"
    )


def test_file_is_utf8_with_lf_and_no_bom(study: StudyFiles) -> None:
    for path in (study.folder / f"{study.name}.csv", study.folder / "codebook.csv"):
        raw = path.read_bytes()
        raw.decode("utf-8")
        assert b"\r" not in raw, f"{path}: carriage return"
        assert raw.endswith(b"\n"), f"{path}: no line end at the end"
        assert not raw.startswith(b"\xef\xbb\xbf"), f"{path}: byte-order mark"


def test_codebook_names_every_column_in_order(study: StudyFiles) -> None:
    assert list(study.codebook["variable"]) == list(study.text.columns)


def test_codebook_uses_its_own_vocabulary(study: StudyFiles) -> None:
    book = study.codebook
    assert set(book["type"]) <= TYPES
    assert set(book["direction"]) <= DIRECTIONS
    assert (book["label"] != "").all()
    factors = book["type"] == "factor"
    assert (book.loc[factors, "levels"] != "").all()
    assert (book.loc[~factors, "levels"] == "").all()


def test_every_cell_reads_as_its_type(study: StudyFiles) -> None:
    shapes = {
        "integer": r"-?\d+",
        "number": r"-?\d+(?:\.\d+)?(?:e-?\d+)?",
        "flag": r"true|false",
        "date": r"\d{4}-\d\d-\d\d",
    }
    for variable, kind in study.codebook["type"].items():
        cells = study.text[variable]
        given = cells[~cells.isin(MISSING)]
        if kind == "factor":
            stray = sorted(set(given) - set(study.codebook.loc[variable, "levels"].split(";")))
        else:
            stray = sorted(set(given[~given.str.fullmatch(shapes.get(kind, r"[^\s].*"))]))
        assert not stray, f"{study.name}.{variable}: {stray[:5]} do not read as {kind}"


def test_every_value_lies_in_its_range(study: StudyFiles) -> None:
    for variable, row in study.codebook.iterrows():
        if row["type"] not in ("integer", "number", "flag"):
            continue
        values = study.frame[variable].dropna()
        if row["min"]:
            assert values.min() >= float(row["min"]), variable
        if row["max"]:
            assert values.max() <= float(row["max"]), variable


def test_missing_share_is_within_the_declared(study: StudyFiles) -> None:
    for variable, row in study.codebook.iterrows():
        share = study.frame[variable].isna().mean()
        assert share <= float(row["missing"] or 0), f"{study.name}.{variable}: {share:.3f} missing"


def test_scores_recompute_from_their_items(study: StudyFiles) -> None:
    scores = study.codebook[study.codebook["items"] != ""]
    assert len(scores) == {"btheb": 0, "mbsr": 26, "mbsr_null": 26, "eudaimon3": 1}[study.name]
    for variable, row in scores.iterrows():
        items, _, divisor = row["items"].partition(" / ")
        parts = study.frame[items.split(";")]
        expected = parts.to_numpy().sum(axis=1) / float(divisor or 1)
        stored = study.frame[variable].to_numpy()
        wrong = np.flatnonzero(stored != expected)
        assert not wrong.size, f"{variable}: rows {(wrong + 1).tolist()} are not the sum of items"


def test_one_row_per_person_and_visit(study: StudyFiles) -> None:
    key = [study.plan["data"]["id"], study.plan["data"]["time"]["column"]]
    assert not study.text.duplicated(key).any()


def test_rows_are_in_order_of_person_then_visit(study: StudyFiles) -> None:
    person = study.plan["data"]["id"]
    time = study.plan["data"]["time"]
    rank = {str(level): i for i, level in enumerate(time["levels"])}
    keys = list(zip(study.text[person], study.text[time["column"]].map(rank), strict=True))
    assert all(a < b for a, b in pairwise(keys))


def test_plan_levels_are_the_codebooks(study: StudyFiles) -> None:
    for role in ("arm", "time"):
        declared = study.plan["data"][role]
        levels = study.codebook.loc[declared["column"], "levels"].split(";")
        assert [str(level) for level in declared["levels"]] == levels


def test_arm_is_constant_within_person(study: StudyFiles) -> None:
    person, arm = study.plan["data"]["id"], study.plan["data"]["arm"]["column"]
    assert (study.text.groupby(person)[arm].nunique() == 1).all()


def test_flow_counts_in_the_plan_are_the_datas(study: StudyFiles) -> None:
    arm, time = (study.plan["data"][role]["column"] for role in ("arm", "time"))
    declared = study.plan["gate"]["parameters"]["consort"]
    assert declared == _counts(study.text, arm, time)


def _counts(rows: pd.DataFrame, arm: str, time: str) -> dict[str, int]:
    return {f"{a} | {t}": int(n) for (a, t), n in rows.groupby([arm, time]).size().items()}


def test_scored_visits_in_the_plan_are_the_datas(btheb: StudyFiles) -> None:
    scored = btheb.text[btheb.frame["bdi"].notna()]
    declared = btheb.plan["gate"]["parameters"]["scored"]
    assert declared == _counts(scored, "treatment", "month")


def test_no_direct_identifiers(study: StudyFiles) -> None:
    named = [column for column in study.text.columns if IDENTIFIERS.search(column)]
    assert not named, f"{study.name}: {named} name a person"
    for column in study.text.columns:
        if study.codebook.loc[column, "type"] in ("text", "factor", "id"):
            odd = [cell for cell in study.text[column].unique() if CONTACT.search(cell)]
            assert not odd, f"{study.name}.{column}: {odd} look like a contact"
    people = study.text[study.plan["data"]["id"]]
    assert people.str.fullmatch(r"[A-Z]\d{3}").all()


def test_readme_states_source_and_licence(study: StudyFiles) -> None:
    text = (study.folder / "README.md").read_text(encoding="utf-8")
    if study.plan["study"]["synthetic"]:
        assert "synthetic" in text.splitlines()[0].lower()
    else:
        assert "licence" in text.lower()
        assert "GPL-2" in text
