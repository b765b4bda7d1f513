"""Who is asked what while both engines answer a plan: engines that write down what they hear."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from estimates_by_hand import KEY, THETA, pair, with_value
from listening_engines import (
    FRAME,
    SPEC,
    START,
    Criterion,
    Everything,
    OnlyFits,
    answers,
    with_criterion,
)

from harness.compare import fits
from harness.compare.fits import Fitted, answered, fit_tasks
from harness.engines.tally import Tally
from harness.errors import DataError, HarnessError, RecordRefused, ReferenceUnavailable
from harness.models.record import Estimates, NotComputed, as_json
from harness.models.spec import ModelSpec, ModelTask
from harness.sets.analysis_set import AnalysisSet


class TestAnswered:
    """An answer or a refusal, and how long it took."""

    @pytest.fixture(autouse=True)
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = iter([100.0, 102.5])
        monkeypatch.setattr(fits, "time", SimpleNamespace(perf_counter=lambda: next(now)))

    def test_an_answer_with_its_seconds(self) -> None:
        python, _ = pair()
        assert answered(lambda: python, "port") == (python, 2.5)

    @pytest.mark.parametrize(("code", "expected"), [(2, 4), (4, 4), (5, 5)])
    def test_a_refusal_is_at_least_a_part_that_was_not_run(self, code: int, expected: int) -> None:
        error = type("Refused", (HarnessError,), {"exit_code": code})("no rows")

        def fit() -> Estimates:
            raise error

        assert answered(fit, "port") == (NotComputed("port", "no rows", expected), 2.5)

    def test_a_mistake_of_ours_is_no_refusal(self) -> None:
        def fit() -> Estimates:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            answered(fit, "port")


@dataclass
class Told:
    """A reference that answers by set, and writes down what it is asked."""

    answers: dict[str, Estimates | HarnessError]
    source: str = "live"
    tally: Tally = field(default_factory=Tally)
    heard: list[tuple[Any, ...]] = field(default_factory=list)

    def answer(
        self, task: ModelTask, frame: pd.DataFrame, also_at: Sequence[Sequence[float]] = ()
    ) -> Estimates:
        self.heard.append(("answer", task.key.set, tuple(frame.index), also_at))
        found = self.answers[task.key.set]
        if isinstance(found, HarnessError):
            raise found
        return found

    def fit(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
        raise AssertionError(f"{spec} is in the plan, {len(frame)} rows")

    def close(self) -> None:
        """Nothing is open."""


class Evaluated(Told):
    """A reference that can be asked for its criterion."""

    def criterion_at(self, task: ModelTask, frame: pd.DataFrame, theta: tuple[float, ...]) -> Any:
        self.heard.append(("criterion_at", task.key.set, tuple(frame.index), theta))
        return np.float64(1233.0)


class Remembers(Told):
    """A reference with an answer at hand for some sets; what it hears may be in another process."""

    at_hand: tuple[str, ...] = ("ITT",)
    counted = 0

    def known(self, task: ModelTask, frame: pd.DataFrame) -> Estimates | None:
        if task.key.set not in self.at_hand:
            return None
        found = self.answers[task.key.set]
        if isinstance(found, HarnessError):
            raise found
        return replace(found, messages=(f"at hand, {len(frame)} rows",))

    def count_known(self, models: int) -> None:
        self.counted += models


ITT = ModelTask(KEY, SPEC)
PP = ModelTask(replace(KEY, set="PP"), SPEC)
SETS = {
    name: AnalysisSet(name, "", np.array(mask), sum(mask), sum(mask), 0)
    for name, mask in (("ITT", [True, True, True]), ("PP", [True, False, True]))
}


def fitted(python: OnlyFits, *references: Told, progress: Any = None) -> list[Fitted]:
    found = fit_tasks([ITT, PP], SETS, FRAME, python, references, progress)
    return list(found)


class TestFitTasks:
    """Every model of a plan in turn."""

    def test_both_answer_every_task_in_order_on_the_rows_of_its_set(self) -> None:
        python, r = answers()
        other = with_value(r, "sigma", "sigma", 6.0)
        port, reference = OnlyFits(python), Told({"ITT": r, "PP": other})
        found = fitted(port, reference)
        assert [(f.task, f.python, f.r, f.cross) for f in found] == [
            (ITT, python, r, None),
            (PP, python, other, None),
        ]
        assert [heard[2] for heard in port.heard] == [(7, 8, 9), (7, 9)]
        assert reference.heard == [
            ("answer", "ITT", (7, 8, 9), (THETA,)),
            ("answer", "PP", (7, 9), (THETA,)),
        ]

    def test_the_seconds_are_each_engine_s_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # A clock for each thread: the port works in this one.
        here, there = count(100, 2), count(200, 3)

        def now() -> float:
            main = threading.current_thread() is threading.main_thread()
            return float(next(here if main else there))

        monkeypatch.setattr(fits, "time", SimpleNamespace(perf_counter=now))
        python, r = answers()
        found = fitted(OnlyFits(python), Told({"ITT": r, "PP": r}))
        assert [(f.python_seconds, f.r_seconds) for f in found] == [(2.0, 3.0), (2.0, 3.0)]

    def test_r_is_asked_at_no_theta_that_python_does_not_have(self) -> None:
        python, r = answers()
        for given in (replace(python, theta=()), DataError("no rows")):
            reference = Told({"ITT": r, "PP": r})
            fitted(OnlyFits(given), reference)
            assert {heard[3] for heard in reference.heard} == {()}

    def test_a_refusal_is_told_by_the_name_of_who_refused(self) -> None:
        python, r = answers()
        gone = ReferenceUnavailable("no record")
        found = fitted(OnlyFits(python), Told({"ITT": gone, "PP": r}, source="recorded"))
        assert [f.r for f in found] == [NotComputed("recorded", "no record"), r]
        assert found[0].refusals == (NotComputed("recorded", "no record"),)
        (one, _) = fitted(OnlyFits(DataError("no rows"), name="mine"), Told({"ITT": r, "PP": r}))
        assert one.python == NotComputed("mine", "no rows")
        assert (one.cross, one.refusals) == (None, (one.python,))

    def test_whoever_waits_is_told_after_each_model(self) -> None:
        python, r = answers()
        told: list[tuple[str, int, int]] = []
        reference = Told({"ITT": r, "PP": r})
        fitted(OnlyFits(python), reference, progress=lambda *said: told.append(said))
        assert told == [("efficacy.ITT.bdi", 1, 2), ("efficacy.PP.bdi", 2, 2)]

    def test_where_the_criteria_differ_r_is_asked_for_its_own_at_python_s_theta(self) -> None:
        python, r = answers()
        reference = Evaluated({"ITT": r, "PP": r})
        port = Criterion(python)  # its criterion is nowhere near the reference's
        found = fitted(port, reference)
        assert [f.cross and f.cross.r_at_python for f in found] == [1233.0, 1233.0]
        assert found[0].cross is not None
        assert type(found[0].cross.r_at_python) is float
        assert (found[0].cross.python_at_r, found[0].cross.python_at_python) == (1001.5, 1001.6)
        asked = [heard for heard in reference.heard if heard[0] == "criterion_at"]
        assert asked == [("criterion_at", "ITT", (7, 8, 9), THETA),
                         ("criterion_at", "PP", (7, 9), THETA)]  # fmt: skip
        crossed = [heard[2] for heard in port.heard if heard[0] == "criterion_at"]
        assert crossed == [(7, 8, 9), (7, 8, 9), (7, 9), (7, 9)]

    def test_where_they_agree_or_it_has_said_so_r_is_not_asked_again(self) -> None:
        python, r = answers()
        agreed = [with_criterion(a, b) for a, b in ((python, 1001.5), (r, 1001.5))]
        said = replace(r, elsewhere=(replace(START, theta=THETA, criterion=1235.0),))
        for port, given, at_python in (
            (Criterion(agreed[0]), agreed[1], math.nan),
            (Everything(python), with_criterion(said, 1299.0), 1235.0),
        ):
            reference = Evaluated({"ITT": given, "PP": given})
            found = fitted(port, reference)
            assert {heard[0] for heard in reference.heard} == {"answer"}
            for one in found:
                assert one.cross is not None
                assert one.cross.r_at_python == pytest.approx(at_python, nan_ok=True)

    def test_a_reference_that_cannot_say_it_has_no_criterion_there(self) -> None:
        class Crashes(Told):
            def criterion_at(self, *_: Any) -> float:
                raise ReferenceUnavailable("R crashed")

        python, r = answers()
        for reference in (Told({"ITT": r, "PP": r}), Crashes({"ITT": r, "PP": r})):
            for one in fitted(Criterion(python), reference):
                assert one.cross is not None
                assert math.isnan(one.cross.r_at_python)

    @pytest.mark.parametrize("processes", [1, 2])
    @pytest.mark.parametrize("at_hand", [(), ("ITT",), ("PP",), ("ITT", "PP")])
    def test_only_what_is_not_at_hand_is_asked_for(
        self, at_hand: tuple[str, ...], processes: int
    ) -> None:
        python, r = answers()
        reference = Remembers({"ITT": r, "PP": r})
        reference.at_hand = at_hand
        told: list[tuple[str, int, int]] = []
        engine = Everything(python)
        found = list(
            fit_tasks(
                *([ITT, PP], SETS, FRAME, engine, [reference]),
                lambda *said: told.append(said),
                processes,
            )
        )
        assert [heard[1] for heard in reference.heard if heard[0] == "answer"] == [
            name for name in ("ITT", "PP") if name not in at_hand
        ]
        rows = {"ITT": 3, "PP": 2}
        expected = [
            replace(r, messages=(f"at hand, {rows[name]} rows",)) if name in at_hand else r
            for name in rows
        ]
        # As JSON: what came from another process has another NaN.
        assert as_json([f.r for f in found]) == as_json(expected)
        assert as_json([f.python for f in found]) == as_json([python, python])
        crossed = [f.cross and f.cross.numbers_at_r for f in found]
        assert as_json(crossed) == as_json([engine.at(SPEC, FRAME, r.theta)] * 2)
        assert reference.counted == len(at_hand)
        # Those at hand are told first: the others may take their time.
        assert [done for _, done, _ in told] == [1, 2]
        assert [slug.split(".")[1] for slug, _, _ in told] == [
            *at_hand,
            *(name for name in rows if name not in at_hand),
        ]

    @pytest.mark.parametrize("processes", [1, 2])
    def test_what_refuses_to_be_at_hand_is_asked_for_and_refuses_there(
        self, processes: int
    ) -> None:
        python, r = answers()
        gone = RecordRefused("altered", reason="altered")
        reference = Remembers({"ITT": gone, "PP": r})
        found = list(
            fit_tasks([ITT, PP], SETS, FRAME, OnlyFits(python), [reference], None, processes)
        )
        assert found[0].r == NotComputed("live", "altered")
        assert found[1].r == r
        assert reference.counted == 0

    def test_where_criteria_at_hand_differ_r_is_asked_all_the_same(self) -> None:
        python, r = answers()

        class Both(Remembers, Evaluated):
            at_hand = ("ITT", "PP")

        reference = Both({"ITT": r, "PP": r})
        found = list(fit_tasks([ITT, PP], SETS, FRAME, Criterion(python), [reference], None, 2))
        assert [f.cross and f.cross.r_at_python for f in found] == [1233.0, 1233.0]
        assert [heard[0] for heard in reference.heard] == ["criterion_at", "criterion_at"]

    def test_every_reference_works_at_the_same_time(self) -> None:
        working: list[str] = []

        class Waits(Told):
            def answer(self, task: ModelTask, *given: Any, **named: Any) -> Estimates:
                working.append(task.key.set)
                patience = time.monotonic() + 5.0
                while len(working) < 2 and time.monotonic() < patience:
                    time.sleep(0.005)
                assert len(working) == 2, "the other reference was not asked meanwhile"
                return super().answer(task, *given, **named)

        python, r = answers()
        references = [Waits({"ITT": r, "PP": r}) for _ in range(2)]
        found = fitted(OnlyFits(python), *references)
        assert [f.r for f in found] == [r, r]
        assert sorted(len(reference.heard) for reference in references) == [1, 1]

    def test_an_interrupted_run_waits_for_no_model_nobody_will_read(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        queued: list[Future[Any]] = []

        class Watched(ThreadPoolExecutor):
            def submit(self, *given: Any, **named: Any) -> Future[Any]:
                queued.append(super().submit(*given, **named))
                return queued[-1]

        class Waits(Told):
            def answer(self, *given: Any, **named: Any) -> Estimates:
                patience = time.monotonic() + 5.0
                while not (len(queued) == 2 and queued[1].cancelled()):
                    if time.monotonic() > patience:
                        break
                    time.sleep(0.005)
                return super().answer(*given, **named)

        class Interrupted(OnlyFits):
            def fit(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
                if len(self.heard) == 2:
                    raise KeyboardInterrupt
                return super().fit(spec, frame)

        monkeypatch.setattr(fits, "ThreadPoolExecutor", Watched)
        python, r = answers()
        reference = Waits({"ITT": r, "PP": r})
        tasks = [ITT, PP, ITT]
        with pytest.raises(KeyboardInterrupt):
            list(fit_tasks(tasks, SETS, FRAME, Interrupted(python), [reference]))
        assert [heard[1] for heard in reference.heard] == ["ITT"]
