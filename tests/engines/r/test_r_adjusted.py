"""R's adjusted p values, recorded: replayed for the very same p values, or refused with why."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from r_examples import SLEEP, sleepstudy, spec

from harness.engines.multiplicity import adjusted_p
from harness.engines.port.engine import PortEngine
from harness.engines.r.adjusted import (
    AdjustedByR,
    PValues,
    ask_adjusted,
    find_adjusted,
    read_adjusted,
    write_adjusted,
)
from harness.engines.r.record import ADJUSTED, find_record, write_record
from harness.engines.r.recorded import RecordedEngine
from harness.engines.r.seal import seal
from harness.engines.reference import RecordedReference
from harness.errors import RecordRefused, ReferenceUnavailable
from harness.models.spec import ModelKey

pytestmark = pytest.mark.recorded

ITT = PValues(
    "moderation in ITT", "BH", ("a in m/ITT/x", "a in m/ITT/y"), (0.012345678912345, 1e-9)
)
PP = replace(ITT, name="moderation in PP", method="holm", p_values=(0.03, 1.0))
VERSIONS = {"R": "4.2.2"}


def answered(asked: PValues) -> AdjustedByR:
    return AdjustedByR(asked, tuple(adjusted_p(asked.p_values, asked.method).tolist()))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_adjusted(tmp_path / ADJUSTED, [answered(ITT), answered(PP)], VERSIONS)


def test_what_was_recorded_is_replayed_bit_by_bit(path: Path) -> None:
    assert read_adjusted(path) == (answered(ITT), answered(PP))
    assert find_adjusted(path, PP) == answered(PP)
    reference = RecordedReference(RecordedEngine(path.parent, PortEngine().criterion_at))
    assert reference.adjust(ITT) == answered(ITT)


def test_a_record_that_would_differ_only_in_its_date_stays(path: Path) -> None:
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["date"] = "2001-01-01"
    raw["sha256"] = seal(raw)
    path.write_text(json.dumps(raw), encoding="utf-8")
    before = path.read_bytes()
    write_adjusted(path, [answered(ITT), answered(PP)], VERSIONS)
    assert path.read_bytes() == before
    write_adjusted(path, [answered(ITT)], VERSIONS)
    assert path.read_bytes() != before


def first(raw: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = raw["families"][0]["tests"][0]
    return found


Edit = Callable[[dict[str, Any]], Any]
BROKEN: list[tuple[str, Edit, bool, str]] = [
    ("altered", lambda raw: raw.update(date="2001-01-01"), False, "its sha256 does not agree"),
    ("format", lambda raw: raw.update(format=2), True, "no record of adjusted p values of"),
    ("a field less", lambda raw: raw.pop("versions"), True, "its fields are not"),
    ("a field more", lambda raw: raw.update(note=""), True, "its fields are not"),
    (
        "another p",
        lambda raw: first(raw).update(p_value=0.012345678912346),
        True,
        "p of a in m/ITT/x is 0.012345678912346 in it, 0.012345678912345 in the model's own record",
    ),
    (
        "another adjusted p",
        lambda raw: first(raw).update(p_adjusted=0.0123456789124),
        True,
        "a in m/ITT/x is 0.0123456789124 in it, BH of its p values gives 0.012345678912345",
    ),
    ("no p value", lambda raw: first(raw).update(p_value=1.5), True, "malformed"),
    ("null", lambda raw: first(raw).update(p_adjusted=None), True, "malformed"),
    ("method", lambda raw: raw["families"][0].update(method="BY"), True, "adjusted by BY, not BH"),
    ("no method", lambda raw: raw["families"][0].update(method="fdr"), True, "malformed"),
    (
        "a test less",
        lambda raw: raw["families"][0]["tests"].pop(),
        True,
        "the tests of moderation in ITT are others",
    ),
    (
        "another test",
        lambda raw: first(raw).update(name="b"),
        True,
        "the tests of moderation in ITT are others",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "resealed", "why"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN]
)
def test_a_broken_record_is_refused(path: Path, change: Edit, resealed: bool, why: str) -> None:
    raw = json.loads(path.read_text(encoding="utf-8"))
    change(raw)
    if resealed:
        raw["sha256"] = seal(raw)
    path.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(RecordRefused) as caught:
        find_adjusted(path, ITT)
    assert why in str(caught.value)
    assert "`harness record PLAN` makes them anew with R" in str(caught.value)


def test_what_is_not_recorded_is_missing_and_not_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ReferenceUnavailable, match="no recorded adjustment of moderation in X"):
        find_adjusted(path, replace(ITT, name="moderation in X"))
    with pytest.raises(ReferenceUnavailable, match="no recorded adjustments"):
        find_adjusted(tmp_path / "none.json", ITT)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(RecordRefused, match="it cannot be read"):
        find_adjusted(path, ITT)


def test_it_lies_beside_the_models_records_and_is_none_of_them(path: Path) -> None:
    model = spec(SLEEP)
    with pytest.raises(ReferenceUnavailable):
        find_record(path.parent, model, sleepstudy())
    answer = PortEngine().fit(model, sleepstudy())
    write_record(path.parent, ModelKey("a", "s", "y"), model, sleepstudy(), answer)
    assert find_record(path.parent, model, sleepstudy()).estimates.fixed == answer.fixed


class Echo:
    """An R that answers about other p values than it was asked about."""

    def ask(self, question: str, **arguments: Any) -> dict[str, Any]:
        rows = zip(arguments["names"], arguments["p_values"], strict=True)
        return {"rows": [{"name": n, "p_value": p + 1e-16, "p_adjusted": p} for n, p in rows]}


def test_an_answer_about_other_p_values_is_none() -> None:
    with pytest.raises(ReferenceUnavailable, match="other p values"):
        ask_adjusted(Echo(), ITT)  # type: ignore[arg-type]
