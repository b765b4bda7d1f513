"""R's answers kept on this machine: replayed bit for bit, or dropped and said; never stale."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from r_examples import SLEEP, sleepstudy, spec

from harness.engines.port.engine import PortEngine
from harness.engines.r import cache as cache_module
from harness.engines.r import record as record_module
from harness.engines.r.cache import ReferenceCache, cache_folder, cache_size, trim
from harness.engines.r.channel import Parts
from harness.models.record import Estimates, as_json
from harness.models.spec import ModelSpec

pytestmark = pytest.mark.recorded
VERSIONS = {"R": "4.2.2", "lme4": "1.1-31"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An R that is only there."""
    folder = tmp_path / "R"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "R").write_text("#!/bin/sh\n", encoding="utf-8")
    monkeypatch.setenv("R_HOME", str(folder))
    return folder


@pytest.fixture
def answer() -> Estimates:
    """What R would have answered; the port's needs no R."""
    return replace(PortEngine().fit(spec(SLEEP), sleepstudy()), versions=VERSIONS)


def opened(folder: Path, versions: dict[str, str] = VERSIONS) -> ReferenceCache:
    """A cache that knows the R there is."""
    cache = ReferenceCache(folder, PortEngine().criterion_at)
    cache.learn(Parts(time.time_ns() + 10**9, (), ()), versions)
    assert cache.installation is not None
    return cache


@pytest.fixture
def cache(home: Path, tmp_path: Path) -> ReferenceCache:
    return opened(tmp_path / "cache")


@pytest.fixture
def entry(cache: ReferenceCache, tmp_path: Path, answer: Estimates) -> Path:
    """The file of one answer kept."""
    cache.put(spec(SLEEP), sleepstudy(), answer)
    (path,) = (tmp_path / "cache" / "answers").iterdir()
    return path


def bits(answer: Estimates | None) -> str:
    assert answer is not None
    versions = {name: v for name, v in answer.versions.items() if name != "cached"}
    return json.dumps(as_json(replace(answer, versions=versions)))


def test_an_answer_comes_back_bit_for_bit(cache: ReferenceCache, answer: Estimates) -> None:
    assert cache.get(spec(SLEEP), sleepstudy()) is None
    cache.put(spec(SLEEP), sleepstudy(), answer)
    found = cache.get(spec(SLEEP), sleepstudy())
    assert bits(found) == bits(answer)
    assert found is not None
    assert found.versions["cached"]
    assert cache.notes == ()


def test_another_run_recognises_r_and_finds_the_answer(entry: Path, answer: Estimates) -> None:
    another = ReferenceCache(entry.parents[1], PortEngine().criterion_at)
    assert another.get(spec(SLEEP), sleepstudy()) is None  # not before it is known which R there is
    assert another.recognise()
    assert bits(another.get(spec(SLEEP), sleepstudy())) == bits(answer)


def one_bit(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[0, "Reaction"] = np.nextafter(frame.loc[0, "Reaction"], 0)
    return frame


OTHER_DATA: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "one bit": one_bit,
    "another order": lambda f: f.iloc[::-1],
    "a row less": lambda f: f.iloc[1:],
    "integers": lambda f: f.assign(Days=f["Days"].astype(float)),
    "levels": lambda f: f.assign(Subject=f["Subject"].cat.reorder_categories(
        f["Subject"].cat.categories[::-1])),
}  # fmt: skip


@pytest.mark.parametrize("change", OTHER_DATA)
def test_other_data_are_not_found(cache: ReferenceCache, entry: Path, change: str) -> None:
    assert cache.get(spec(SLEEP), OTHER_DATA[change](sleepstudy())) is None
    assert entry.exists()


@pytest.mark.parametrize(
    "choices",
    [
        {"reml": False},
        {"df_method": "kenward-roger"},
        {"conf_level": 0.9},
        {"weights": "Days"},
        {"offset": "Days"},
        {"contrasts": (("Subject", "sum"),)},
    ],
    ids=lambda choices: next(iter(choices)),
)
def test_another_model_is_not_found(
    cache: ReferenceCache, entry: Path, choices: dict[str, Any]
) -> None:
    assert cache.get(spec(SLEEP, **choices), sleepstudy()) is None
    assert cache.get(spec("Reaction ~ Days + (1 | Subject)"), sleepstudy()) is None
    assert entry.exists()


def test_other_scripts_and_another_r_are_not_found(
    cache: ReferenceCache, entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = entry.parents[1]
    assert opened(folder, {**VERSIONS, "lme4": "1.1-37"}).get(spec(SLEEP), sleepstudy()) is None
    monkeypatch.setattr(cache_module, "scripts_sha256", lambda: "of other scripts")
    assert opened(folder).get(spec(SLEEP), sleepstudy()) is None
    monkeypatch.undo()
    assert entry.exists()


def flip(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def resealed(change: Callable[[dict[str, Any]], None]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        raw = json.loads(text)
        change(raw)
        raw["sha256"] = record_module._seal(raw)
        return json.dumps(raw)

    return edit


def other_criterion(raw: dict[str, Any]) -> None:
    raw["answer"]["fit"]["criterion"] += 1e-6


BREAK: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda _: "", "cannot be read"),
    "cut short": (lambda text: text[:-200], "cannot be read"),
    "a digit": (lambda text: flip(text, '"n_obs": 180', '"n_obs": 181'), "altered after"),
    "the seal": (lambda text: flip(text, '"sha256": "', '"sha256": "0'), "altered after"),
    "the criterion": (resealed(other_criterion), "at its estimates these data give"),
    "theta": (resealed(lambda r: r["answer"]["theta"].pop()), "theta has 2 entries"),
    "the data's hash": (
        resealed(lambda r: r["data"].update(columns_sha256="0" * 64)),
        "the data have changed",
    ),
    "the model": (resealed(lambda r: r["model"].update(reml=False)), "its reml is False"),
    "the key": (resealed(lambda r: r["key"].update(set="0" * 64)), "was recorded for"),
    "the versions": (
        resealed(lambda r: r["answer"]["versions"].update(lme4="2")),
        "not those of the R here",
    ),
}


@pytest.mark.parametrize("broken", BREAK)
def test_an_entry_that_does_not_verify_is_dropped_and_said(
    cache: ReferenceCache, entry: Path, answer: Estimates, broken: str
) -> None:
    edit, why = BREAK[broken]
    entry.write_text(edit(entry.read_text(encoding="utf-8")), encoding="utf-8")
    assert cache.get(spec(SLEEP), sleepstudy()) is None
    assert not entry.exists()
    (note,) = cache.notes
    assert note.startswith(f"cached reference {entry} dropped and fitted anew: ")
    assert why in note
    assert "harness record" not in note
    cache.put(spec(SLEEP), sleepstudy(), answer)
    assert bits(cache.get(spec(SLEEP), sleepstudy())) == bits(answer)


@pytest.mark.parametrize("broken", BREAK)
def test_looking_at_an_entry_that_does_not_verify_leaves_it_for_who_gets_it(
    cache: ReferenceCache, entry: Path, broken: str
) -> None:
    edit, _ = BREAK[broken]
    entry.write_text(edit(entry.read_text(encoding="utf-8")), encoding="utf-8")
    before = entry.read_bytes()
    assert cache.peek(spec(SLEEP), sleepstudy()) is None
    assert entry.read_bytes() == before
    assert cache.notes == ()
    assert cache.get(spec(SLEEP), sleepstudy()) is None
    assert len(cache.notes) == 1


def test_looking_gives_what_getting_gives(
    cache: ReferenceCache, entry: Path, answer: Estimates
) -> None:
    assert bits(cache.peek(spec(SLEEP), sleepstudy())) == bits(answer)
    assert cache.peek(spec(SLEEP), sleepstudy()) == cache.get(spec(SLEEP), sleepstudy())
    assert cache.peek(spec(SLEEP, conf_level=0.9), sleepstudy()) is None


UNWORTHY: dict[str, Callable[[Estimates], Estimates]] = {
    "of another R": lambda a: replace(a, versions={**VERSIONS, "lme4": "1.1-37"}),
    "of another optimum": lambda a: replace(a, theta=tuple(2 * t for t in a.theta)),
    "not a number": lambda a: replace(a, fit=replace(a.fit, criterion=float("nan"))),
}


@pytest.mark.parametrize("flaw", UNWORTHY)
def test_what_would_not_be_believed_is_not_kept(
    cache: ReferenceCache, tmp_path: Path, answer: Estimates, flaw: str
) -> None:
    cache.put(spec(SLEEP), sleepstudy(), UNWORTHY[flaw](answer))
    assert cache_size(tmp_path / "cache").answers == 0


def test_nothing_is_kept_of_an_r_that_changed_meanwhile(
    cache: ReferenceCache, home: Path, tmp_path: Path, answer: Estimates
) -> None:
    (home / "bin" / "R").write_text("#!/bin/sh\n# upgraded\n", encoding="utf-8")
    cache.put(spec(SLEEP), sleepstudy(), answer)
    assert cache_size(tmp_path / "cache").answers == 0


def test_a_folder_that_cannot_be_written_is_said_once_and_costs_nothing(
    home: Path, tmp_path: Path, answer: Estimates
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    cache = ReferenceCache(tmp_path / "file", PortEngine().criterion_at)
    cache.learn(Parts(time.time_ns() + 10**9, (), ()), VERSIONS)
    cache.put(spec(SLEEP), sleepstudy(), answer)
    cache.put(spec(SLEEP), sleepstudy(), answer)
    assert cache.get(spec(SLEEP), sleepstudy()) is None
    (note,) = cache.notes
    assert note.startswith("R's answers are not kept for the next run: ")
    cache.close()


def test_what_is_kept_is_read_though_nothing_can_be_added(
    cache: ReferenceCache, entry: Path, answer: Estimates, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    other = spec(SLEEP, conf_level=0.9)
    cache.put(
        other, sleepstudy(), replace(PortEngine().fit(other, sleepstudy()), versions=VERSIONS)
    )
    assert cache.get(other, sleepstudy()) is None
    assert bits(cache.get(spec(SLEEP), sleepstudy())) == bits(answer)
    assert len(cache.notes) == 1
    assert [path.name for path in entry.parent.iterdir()] == [entry.name]


def test_the_answers_not_used_for_longest_go_first(tmp_path: Path) -> None:
    for day in range(10):
        path = tmp_path / f"{day}.json"
        path.write_text("x" * 100, encoding="utf-8")
        os.utime(path, (day, day))
    os.utime(tmp_path / "0.json")  # used again
    killed, writing = tmp_path / ".0.json.1-a.tmp", tmp_path / ".0.json.2-b.tmp"
    for path in (killed, writing):
        path.write_text("half", encoding="utf-8")
    os.utime(killed, (1, 1))
    trim(tmp_path, 1000)
    assert len(list(tmp_path.glob("*.json"))) == 10
    trim(tmp_path, 600)
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"{day}.json" for day in (0, 6, 7, 8, 9)),
        writing.name,
    }


def test_using_an_answer_keeps_it_from_going(cache: ReferenceCache, entry: Path) -> None:
    os.utime(entry, (1, 1))
    assert cache.get(spec(SLEEP), sleepstudy()) is not None
    assert entry.stat().st_mtime > 1e9


def put_and_get(folder: str, seed: int) -> list[str]:
    """One of several processes that use a cache at a time, and trim it meanwhile."""
    cache = opened(Path(folder))
    problems: list[str] = []
    frame = sleepstudy()
    for turn in np.random.default_rng(seed).integers(0, 4, 12):
        asked: ModelSpec = spec(SLEEP, conf_level=0.9 + turn / 100)
        fitted = replace(PortEngine().fit(asked, frame), versions=VERSIONS)
        cache.put(asked, frame, fitted)
        found = cache.get(asked, frame)
        if found is not None and bits(found) != bits(fitted):
            problems.append(f"seed {seed}, turn {turn}: another answer")
        trim(Path(folder) / "answers", 9000)
    cache.close()
    return [*problems, *cache.notes]


def test_several_processes_share_a_folder(home: Path, tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        jobs = [(str(tmp_path / "cache"), seed) for seed in range(3)]
        assert pool.starmap(put_and_get, jobs) == [[], [], []]
    for path in (tmp_path / "cache" / "answers").iterdir():
        record_module.read_record(path)


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "named"))
    assert cache_folder() == tmp_path / "named"
    monkeypatch.setenv("HARNESS_CACHE", "off")
    assert cache_folder() is None
    monkeypatch.delenv("HARNESS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "lmm-harness"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "lmm-harness"


def test_an_answer_may_name_packages_that_its_question_needed_besides(
    cache: ReferenceCache, answer: Estimates
) -> None:
    more = replace(answer, versions={**VERSIONS, "emmeans": "1.8.4"})
    cache.put(spec(SLEEP), sleepstudy(), more)
    found = cache.get(spec(SLEEP), sleepstudy())
    assert found is not None
    assert found.versions["emmeans"] == "1.8.4"
