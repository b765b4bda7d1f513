"""Which reference a run takes, and when R has to start for it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
from r_examples import SLEEP, sleepstudy, spec

from harness.engines.multiplicity import adjusted_p
from harness.engines.port.engine import PortEngine
from harness.engines.r.adjusted import PValues
from harness.engines.r.channel import Parts
from harness.engines.reference import ReferenceMode, References, open_references
from harness.errors import HarnessError, ModelError, ReferenceUnavailable
from harness.models.record import Estimates
from harness.models.spec import ModelKey, ModelSpec, ModelTask

MODELS = tuple(
    ModelTask(ModelKey("a", "ITT", str(level)), spec(SLEEP, conf_level=level))
    for level in (0.8, 0.9, 0.95)
)


class StandIn:
    """What ``RLiveEngine`` is to a reference, with the port inside; counts its starts and fits."""

    counts: ClassVar[Counter[str]] = Counter()
    broken = refusing = dying = False

    def __init__(self, timeout: float) -> None:
        self.versions: dict[str, str] = {}
        self.parts: Parts | None = None
        self.retries: tuple[str, ...] = ()

    def start(self) -> str:
        if not self.versions:
            StandIn.counts["starts"] += 1
            if StandIn.broken:
                raise ReferenceUnavailable("R does not start")
            self.versions = {"R": "4.2.2", "lme4": "1.1-31"}
            self.parts = Parts(time.time_ns() + 10**9, (), ())
        return "R 4.2.2, lme4 1.1-31"

    def fit(
        self, asked: ModelSpec, frame: pd.DataFrame, also_at: Sequence[Sequence[float]] = ()
    ) -> Estimates:
        self.start()
        StandIn.counts["fits"] += 1
        if StandIn.refusing:
            raise ModelError("R refuses")
        found = replace(PortEngine().fit(asked, frame), versions=dict(self.versions))
        if StandIn.dying:
            self.retries += ("R was killed by SIGKILL",)
            found = replace(found, messages=("answered at the second attempt",))
        return found

    def ask(self, question: str, **asked: Any) -> dict[str, Any]:
        self.start()
        StandIn.counts[question] += 1
        found = adjusted_p(asked["p_values"], asked["method"]).tolist()
        rows = zip(asked["names"], asked["p_values"], found, strict=True)
        return {
            "rows": [dict(zip(("name", "p_value", "p_adjusted"), r, strict=True)) for r in rows]
        }

    def close(self) -> None:
        self.versions = {}


@pytest.fixture
def counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """An R that is only there, a cache of its own, and what was asked of it."""
    home = tmp_path / "R"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "R").write_text("#!/bin/sh\n", encoding="utf-8")
    monkeypatch.setenv("R_HOME", str(home))
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("harness.engines.reference.RLiveEngine", StandIn)
    monkeypatch.setattr(StandIn, "counts", Counter())
    return StandIn.counts


def ask(
    folder: Path, mode: ReferenceMode = "live", *, models: Any = MODELS, **options: Any
) -> tuple[References, list[Estimates | HarnessError]]:
    """Every model asked of one opening of the references."""
    answers: list[Estimates | HarnessError] = []
    options = {"cached": True, **options}
    with open_references(mode, records=folder, timeout=1, **options) as references:
        for task in models:
            try:
                answers.append(references.engines[0].answer(task, sleepstudy()))
            except HarnessError as error:
                answers.append(error)
    return references, answers


def test_a_reference_of_another_name_is_not_taken_for_auto(tmp_path: Path) -> None:
    with (
        pytest.raises(HarnessError, match="no reference is called 'foo'; there are auto, live"),
        open_references("foo", records=tmp_path, timeout=1),  # type: ignore[arg-type]
    ):
        pass


@pytest.mark.parametrize("mode", ["live", "auto"])
def test_the_second_run_neither_starts_nor_asks_r(
    counts: Counter[str], tmp_path: Path, mode: ReferenceMode
) -> None:
    first, answers = ask(tmp_path, mode)
    assert counts == {"starts": 1, "fits": 3}
    assert first.source == "live R 4.2.2, lme4 1.1-31"
    second, again = ask(tmp_path, mode)
    assert counts == {"starts": 1, "fits": 3}
    assert second.source == "live R 4.2.2, lme4 1.1-31 (3 of 3 from the cache)"
    assert (second.tally.models, second.tally.cached) == (3, 3)
    for one, other in zip(answers, again, strict=True):
        assert isinstance(one, Estimates)
        assert isinstance(other, Estimates)
        assert repr(replace(other, versions=one.versions)) == repr(one)


def test_a_model_more_is_the_only_one_asked(counts: Counter[str], tmp_path: Path) -> None:
    ask(tmp_path, models=MODELS[:2])
    references, _ = ask(tmp_path)
    assert counts == {"starts": 2, "fits": 3}
    assert references.source.endswith("(2 of 3 from the cache)")


def test_without_the_cache_everything_is_asked_again(counts: Counter[str], tmp_path: Path) -> None:
    ask(tmp_path)
    references, _ = ask(tmp_path, cached=False)
    assert counts == {"starts": 2, "fits": 6}
    assert references.source == "live R 4.2.2, lme4 1.1-31"


def test_switched_off_nothing_is_kept(
    counts: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", "off")
    ask(tmp_path)
    ask(tmp_path)
    assert counts == {"starts": 2, "fits": 6}
    assert not (tmp_path / "cache").exists()


def test_an_r_that_changed_is_started_and_asked(counts: Counter[str], tmp_path: Path) -> None:
    ask(tmp_path)
    (tmp_path / "R" / "bin" / "R").write_text("#!/bin/sh\n# upgraded\n", encoding="utf-8")
    ask(tmp_path)
    assert counts == {"starts": 2, "fits": 6}


def test_a_failing_model_is_asked_again(
    counts: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StandIn, "refusing", True)
    _, answers = ask(tmp_path)
    assert all(isinstance(answer, ModelError) for answer in answers)
    references, _ = ask(tmp_path)
    assert counts == {"starts": 2, "fits": 6}
    assert references.tally.models == 0


def test_an_answer_at_the_second_attempt_is_counted_and_not_kept(
    counts: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as at_first:
        at_first.setattr(StandIn, "dying", True)
        references, _ = ask(tmp_path, models=MODELS[:1])
    assert references.source.endswith("(1 of 1 at the second attempt)")
    assert references.tally.retried == ("a.ITT.0%2E8: R was killed by SIGKILL",)
    calm, (answer,) = ask(tmp_path, models=MODELS[:1])
    assert counts["fits"] == 2
    assert calm.tally.retried == ()
    assert isinstance(answer, Estimates)
    assert answer.messages == ()


def test_an_r_that_no_longer_starts_is_not_believed_to_be_there(
    counts: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(tmp_path, models=MODELS[:1])
    monkeypatch.setattr(StandIn, "broken", True)
    _, (kept, lost) = ask(tmp_path, models=MODELS[:2])
    assert isinstance(kept, Estimates)
    assert isinstance(lost, ReferenceUnavailable)
    with pytest.raises(ReferenceUnavailable, match="does not start"):
        ask(tmp_path)
    references, _ = ask(tmp_path, "auto", models=())
    assert references.source.startswith("recorded references in")


def test_without_r_the_cache_does_not_pretend(
    counts: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(tmp_path)
    monkeypatch.setenv("R_HOME", str(tmp_path / "gone"))
    with pytest.raises(ReferenceUnavailable, match="R_HOME"):
        ask(tmp_path)
    references, _ = ask(tmp_path, "auto", models=())
    assert references.source.startswith("recorded references in")


def test_an_entry_dropped_is_told(counts: Counter[str], tmp_path: Path) -> None:
    ask(tmp_path)
    entry = next((tmp_path / "cache" / "answers").iterdir())
    entry.write_text("{", encoding="utf-8")
    references, answers = ask(tmp_path)
    assert counts == {"starts": 2, "fits": 4}
    assert references.source.endswith("(2 of 3 from the cache)")
    (note,) = references.tally.notes
    assert f"cached reference {entry} dropped and fitted anew" in note
    assert all(isinstance(answer, Estimates) for answer in answers)


FAMILY = PValues("moderation in ITT", "holm", ("a in m/ITT/x", "a in m/ITT/y"), (0.0123, 1e-9))


def adjust(folder: Path, asked: PValues = FAMILY) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Adjusted p values and notes of one opening of the references."""
    with open_references("live", records=folder, timeout=1, cached=True) as references:
        return references.engines[0].adjust(asked).p_adjusted, references.tally.notes


def test_an_adjusted_family_is_kept_for_its_very_p_values(
    tmp_path: Path, counts: Counter[str]
) -> None:
    assert adjust(tmp_path) == adjust(tmp_path) == ((0.0123, 2e-9), ())
    assert counts == {"starts": 1, "adjust": 1}
    moved = replace(FAMILY, p_values=(0.0123, 2e-9))
    assert adjust(tmp_path, moved) == ((0.0123, 4e-9), ())
    assert adjust(tmp_path, replace(FAMILY, method="bonferroni")) == ((0.0246, 2e-9), ())
    assert counts["adjust"] == len(list((tmp_path / "cache" / "adjusted").iterdir())) == 3


def test_a_kept_family_that_does_not_verify_itself_is_asked_anew(
    tmp_path: Path, counts: Counter[str]
) -> None:
    adjust(tmp_path)
    (kept,) = (tmp_path / "cache" / "adjusted").iterdir()
    whole = kept.read_text(encoding="utf-8")
    kept.write_text(whole.replace("2e-09", "3e-09"), encoding="utf-8")
    found, (note,) = adjust(tmp_path)
    assert found == (0.0123, 2e-9)
    assert f"{kept} dropped and asked anew: it was altered after it was written" in note
    assert kept.read_text(encoding="utf-8") == whole
    assert counts["adjust"] == 2
    assert adjust(tmp_path) == ((0.0123, 2e-9), ())


def test_an_answer_that_no_definition_gives_is_not_kept(
    tmp_path: Path, counts: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = StandIn.ask

    def wrong(self: StandIn, question: str, **asked: Any) -> dict[str, Any]:
        answer = right(self, question, **asked)
        answer["rows"][0]["p_adjusted"] *= 1 + 1e-9
        return answer

    monkeypatch.setattr(StandIn, "ask", wrong)
    assert adjust(tmp_path)[0] == (0.0123 * (1 + 1e-9), 2e-9)
    assert not (tmp_path / "cache" / "adjusted").exists()
