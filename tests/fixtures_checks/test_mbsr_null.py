"""The twin without moderation: what it shares with the trial, and that nothing moderates."""

from __future__ import annotations

import json
from types import ModuleType

from .study_files import StudyFiles

ITEMS = ["fiqr_12", "fiqr_13", "fiqr_14", "fiqr_15"]


def test_it_differs_from_its_twin_only_where_moderation_acts(
    mbsr: StudyFiles, mbsr_null: StudyFiles
) -> None:
    differs = mbsr.text != mbsr_null.text
    moved = differs.any(axis=0)
    assert sorted(moved.index[moved]) == [*ITEMS, "fiqr_symptoms", "fiqr_total"]
    rows = mbsr.text[differs.any(axis=1)]
    assert set(rows["arm"]) == {"MBSR"}
    assert set(rows["time"]) == {"post"}


def test_nothing_moderates_in_the_population(mbsr_null: StudyFiles) -> None:
    truth = json.loads((mbsr_null.folder / "truth" / "planted.json").read_text(encoding="utf-8"))
    assert truth["planted"]["moderation"]["points_per_sd"] == 0
    slopes = truth["population"]["moderation"]
    assert len(slopes) == 10
    assert all(abs(slope) < 0.1 for slope in slopes.values())


def test_it_lacks_nothing_but_the_moderation(generator: dict[str, ModuleType]) -> None:
    planted, simulate = generator["planted"], generator["simulate"]
    lacks = planted.unmet(simulate.trial(planted.SEED, 0.0))
    assert lacks == ["CXCL8 attenuates the four planted items"]


def test_the_recorded_interactions_find_nothing(mbsr_null: StudyFiles) -> None:
    """The arm by time by CXCL8 term of each model, as R recorded it: no p below 0.05."""
    for item in ITEMS:
        path = mbsr_null.folder / "reference" / f"moderation.ITT.{item}.ln_cxcl8_0.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        found = {row["term"]: row["p_value"] for row in record["answer"]["fixed"]}
        assert found["armMBSR:timepost:ln_cxcl8_0"] > 0.05, item
