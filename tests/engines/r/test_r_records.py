"""A record replays exactly, or says why not: altered, cut short, of other data or models."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from r_examples import SLEEP, classic, sleepstudy, spec

from harness.engines.port.engine import PortEngine
from harness.engines.r import record as record_module
from harness.engines.r.record import find_record, read_record, write_record
from harness.engines.r.recorded import RecordedEngine
from harness.errors import DataError, RecordRefused, ReferenceUnavailable
from harness.models.besides import Besides, DesignColumn, EffectUnit
from harness.models.contrasts import codings
from harness.models.hypothesis import Hypothesis
from harness.models.record import Estimates, as_json
from harness.models.spec import ModelKey

pytestmark = pytest.mark.recorded

KEY = ModelKey("efficacy", "ITT", "Reaction")
LINEAR = "angle ~ recipe * temp"


@pytest.fixture(scope="module")
def answer() -> Estimates:
    """Any engine's answer can be recorded; the port's needs no R."""
    return PortEngine().fit(spec(SLEEP), sleepstudy())


@pytest.fixture
def folder(tmp_path: Path, answer: Estimates) -> Path:
    write_record(tmp_path / "reference", KEY, spec(SLEEP), sleepstudy(), answer, "ab" * 32)
    return tmp_path / "reference"


def replay(folder: Path) -> RecordedEngine:
    return RecordedEngine(folder, PortEngine().criterion_at)


def edit(folder: Path, change: Callable[[dict[str, Any]], None], *, reseal: bool) -> None:
    path = folder / f"{KEY.slug}.json"
    raw = json.loads(path.read_text(encoding="utf-8"))
    change(raw)
    if reseal:
        raw["sha256"] = record_module._seal(raw)
    path.write_text(json.dumps(raw, indent=1), encoding="utf-8")


def same(left: Estimates, right: Estimates) -> bool:
    plain = [replace(one, versions={}) for one in (left, right)]
    return json.dumps(as_json(plain[0])) == json.dumps(as_json(plain[1]))


def test_a_record_replays_bit_for_bit(folder: Path, answer: Estimates) -> None:
    assert same(replay(folder).fit(spec(SLEEP), sleepstudy()), answer)
    keyed = replay(folder).answer(KEY, spec(SLEEP), sleepstudy())
    assert same(keyed, answer)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", keyed.versions["recorded"])


def test_the_file_says_what_a_reader_asks(folder: Path) -> None:
    raw = json.loads((folder / "efficacy.ITT.Reaction.json").read_text(encoding="utf-8"))
    assert raw["model"] == {
        "formula": SLEEP,
        "reml": True,
        "df_method": "satterthwaite",
        "conf_level": 0.95,
    }
    assert raw["data"]["file_sha256"] == "ab" * 32
    assert len(raw["scripts_sha256"]) == len(raw["sha256"]) == 64
    assert [path.name for path in folder.iterdir()] == ["efficacy.ITT.Reaction.json"]


def test_every_flipped_digit_is_refused(folder: Path) -> None:
    path = folder / f"{KEY.slug}.json"
    text = path.read_text(encoding="utf-8")
    digits = [match.start() for match in re.finditer(r"\d", text)]
    chosen = np.random.default_rng(1).choice(digits, 150, replace=False)
    for at in chosen:
        flipped = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
        try:
            if json.loads(flipped) == json.loads(text):
                continue  # beyond the double's precision: the same number in other digits
        except ValueError:
            pass
        path.write_text(flipped, encoding="utf-8")
        record_module._read.cache_clear()
        with pytest.raises((RecordRefused, ReferenceUnavailable)):
            replay(folder).answer(KEY, spec(SLEEP), sleepstudy())


def test_every_truncation_is_refused(folder: Path) -> None:
    path = folder / f"{KEY.slug}.json"
    content = path.read_bytes()
    for size in [0, 1, *range(2, len(content) - 2, 397), len(content) - 3]:
        path.write_bytes(content[:size])
        with pytest.raises(RecordRefused, match=re.escape(str(path))):
            read_record(path)


@pytest.mark.parametrize("field", record_module._FIELDS)
def test_a_missing_field_is_refused_even_when_resealed(folder: Path, field: str) -> None:
    edit(folder, lambda raw: raw.pop(field), reseal=field != "sha256")
    with pytest.raises(RecordRefused, match=r"lacks|format"):
        replay(folder).answer(KEY, spec(SLEEP), sleepstudy())


@pytest.mark.parametrize("token", ["NaN", "Infinity"])
def test_bare_non_numbers_are_not_json(folder: Path, token: str) -> None:
    path = folder / f"{KEY.slug}.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'"n_obs": \d+', f'"n_obs": {token}', text, count=1), encoding="utf-8")
    with pytest.raises(RecordRefused, match=f"{token} is not JSON"):
        read_record(path)


def test_a_key_given_twice_is_refused(folder: Path) -> None:
    path = folder / f"{KEY.slug}.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("{", '{"format": 1,', 1), encoding="utf-8")
    with pytest.raises(RecordRefused, match="given twice"):
        read_record(path)


def _nudge(raw: dict[str, Any], *path: Any, by: float) -> None:
    at: Any = raw["answer"]
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] *= 1 + by


@pytest.mark.parametrize(
    ("path", "by"),
    [(("fit", "criterion"), 1e-9), (("theta", 0), 1e-2), (("theta", 2), 1e-2)],
    ids=["criterion", "theta0", "theta2"],
)
def test_a_resealed_forgery_fails_at_the_criterion(
    folder: Path, path: tuple[Any, ...], by: float
) -> None:
    edit(folder, lambda raw: _nudge(raw, *path, by=by), reseal=True)
    with pytest.raises(RecordRefused, match="at its estimates these data give"):
        replay(folder).answer(KEY, spec(SLEEP), sleepstudy())


def test_a_theta_of_another_length_is_refused(folder: Path) -> None:
    edit(folder, lambda raw: raw["answer"]["theta"].pop(), reseal=True)
    with pytest.raises(RecordRefused, match="refused: it cannot be verified: theta has 2 entries"):
        replay(folder).answer(KEY, spec(SLEEP), sleepstudy())


def test_a_criterion_that_is_not_a_number_is_refused(folder: Path) -> None:
    edit(folder, lambda raw: raw["answer"]["fit"].update(criterion=None), reseal=True)
    with pytest.raises(RecordRefused, match="its criterion is nan"):
        replay(folder).answer(KEY, spec(SLEEP), sleepstudy())


def test_changed_data_are_refused_by_key_and_without(folder: Path) -> None:
    frame = sleepstudy()
    frame.loc[0, "Reaction"] = np.nextafter(frame.loc[0, "Reaction"], 0)
    with pytest.raises(RecordRefused, match="the data have changed since"):
        replay(folder).answer(KEY, spec(SLEEP), frame)
    with pytest.raises(RecordRefused, match="not those it was recorded for"):
        replay(folder).fit(spec(SLEEP), frame)


@pytest.mark.parametrize(
    ("choices", "name"),
    [
        ({"reml": False}, "reml"),
        ({"df_method": "z"}, "df_method"),
        ({"conf_level": 0.9}, "conf_level"),
    ],
)
def test_another_choice_is_another_model(folder: Path, choices: dict[str, Any], name: str) -> None:
    with pytest.raises(RecordRefused, match=f"its {name} is"):
        replay(folder).answer(KEY, spec(SLEEP, **choices), sleepstudy())
    with pytest.raises(ReferenceUnavailable, match="no recorded reference"):
        replay(folder).fit(spec(SLEEP, **choices), sleepstudy())


def test_another_formula_is_another_model(folder: Path) -> None:
    other = spec("Reaction ~ Days + (1 | Subject)")
    with pytest.raises(RecordRefused, match="its formula is"):
        replay(folder).answer(KEY, other, sleepstudy())


def test_no_record_says_so_and_exits_4(folder: Path) -> None:
    with pytest.raises(ReferenceUnavailable, match="no recorded reference") as missing:
        replay(folder).answer(ModelKey("a", "b", "c"), spec(SLEEP), sleepstudy())
    assert missing.value.exit_code == 4


def test_a_corrupt_neighbour_does_not_hide_a_good_record(folder: Path, answer: Estimates) -> None:
    (folder / "a.json").write_text("{", encoding="utf-8")
    assert same(replay(folder).fit(spec(SLEEP), sleepstudy()), answer)
    (folder / f"{KEY.slug}.json").unlink()
    with pytest.raises(RecordRefused, match=r"a\.json"):
        replay(folder).fit(spec(SLEEP), sleepstudy())


@pytest.mark.parametrize("other", ["x_y", "x%20y", "x.y", "x/y", "X y", "x y."])
def test_no_two_keys_share_a_file(folder: Path, answer: Estimates, other: str) -> None:
    first, second = ModelKey("a", "b", "x y"), ModelKey("a", "b", other)
    assert first.slug != second.slug
    write_record(folder, first, spec(SLEEP), sleepstudy(), answer, None)
    write_record(folder, second, spec(SLEEP), sleepstudy(), answer, None)
    assert find_record(folder, spec(SLEEP), sleepstudy(), second).key == second


def test_a_record_renamed_to_another_key_is_refused(folder: Path, answer: Estimates) -> None:
    first, second = ModelKey("a", "b", "x"), ModelKey("a", "b", "y")
    path = write_record(folder, first, spec(SLEEP), sleepstudy(), answer, None)
    path.rename(folder / f"{second.slug}.json")
    with pytest.raises(RecordRefused, match="recorded for"):
        find_record(folder, spec(SLEEP), sleepstudy(), second)
    with pytest.raises(RecordRefused, match="another model"):
        write_record(folder, second, spec(SLEEP), sleepstudy(), answer, None)


def test_a_record_that_is_a_pipe_is_refused_not_waited_for(folder: Path) -> None:
    key = ModelKey("a", "b", "pipe")
    folder.mkdir(exist_ok=True)
    os.mkfifo(folder / f"{key.slug}.json")
    with pytest.raises(RecordRefused, match="not a regular file"):
        find_record(folder, spec(SLEEP), sleepstudy(), key)


def test_recording_the_same_again_leaves_the_file_alone(
    folder: Path, answer: Estimates, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / f"{KEY.slug}.json"
    edit(folder, lambda raw: raw.update(date="2001-02-03"), reseal=True)
    before = path.read_bytes()
    write_record(folder, KEY, spec(SLEEP), sleepstudy(), answer, "ab" * 32)
    assert path.read_bytes() == before
    moved = replace(answer, n_obs=answer.n_obs + 1)
    write_record(folder, KEY, spec(SLEEP), sleepstudy(), moved, "ab" * 32)
    assert read_record(path).estimates.n_obs == 181
    assert read_record(path).date != "2001-02-03"


def test_a_corrupt_record_can_be_recorded_anew(folder: Path, answer: Estimates) -> None:
    path = folder / f"{KEY.slug}.json"
    path.write_text('{"format": 1', encoding="utf-8")
    write_record(folder, KEY, spec(SLEEP), sleepstudy(), answer, None)
    assert same(read_record(path).estimates, answer)


def test_a_write_that_fails_leaves_the_old_record(
    folder: Path, answer: Estimates, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / f"{KEY.slug}.json"
    before = path.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(DataError, match=re.escape(f"{path}: cannot be written (no space left")):
        write_record(folder, KEY, spec(SLEEP), sleepstudy(), replace(answer, n_obs=1), None)
    assert path.read_bytes() == before
    assert list(folder.iterdir()) == [path]


class TestLinearModel:
    KEY = ModelKey("baking", "ITT", "angle")

    @pytest.fixture
    def cake(self) -> pd.DataFrame:
        return classic("cake", "recipe", "replicate", "temperature")

    @pytest.fixture
    def folder(self, tmp_path: Path, cake: pd.DataFrame) -> Path:
        fitted = PortEngine().fit(spec(LINEAR), cake)
        write_record(tmp_path, self.KEY, spec(LINEAR), cake, fitted, None)
        return tmp_path

    def test_it_verifies_itself_without_theta(self, folder: Path, cake: pd.DataFrame) -> None:
        replayed = replay(folder).answer(self.KEY, spec(LINEAR, reml=False), cake)
        assert replayed.fit.criterion == PortEngine().fit(spec(LINEAR), cake).fit.criterion

    @pytest.mark.parametrize("path", [("fixed", 3, "estimate"), ("random", 0, "estimate")])
    def test_a_resealed_coefficient_is_refused(
        self, folder: Path, cake: pd.DataFrame, path: tuple[Any, ...]
    ) -> None:
        record = folder / f"{self.KEY.slug}.json"
        raw = json.loads(record.read_text(encoding="utf-8"))
        _nudge(raw, *path, by=1e-3)
        raw["sha256"] = record_module._seal(raw)
        record.write_text(json.dumps(raw), encoding="utf-8")
        with pytest.raises(RecordRefused, match="at its estimates these data give"):
            replay(folder).answer(self.KEY, spec(LINEAR), cake)


EXTRAS = [
    {"weights": "w"},
    {"offset": "w"},
    {"contrasts": (("arm", "sum"),)},
    {"contrasts": codings({"arm": [[1.0], [-1.0]]})},
]


@pytest.mark.parametrize("more", EXTRAS)
@pytest.mark.parametrize("formula", ["Reaction ~ Days + arm + (Days | Subject)", "Reaction ~ arm"])
def test_weights_offset_and_contrasts_make_another_model(
    tmp_path: Path, formula: str, more: dict[str, Any]
) -> None:
    frame = sleepstudy()
    frame["w"] = np.linspace(0.5, 2.0, len(frame))
    frame["arm"] = pd.Categorical(np.where(np.arange(len(frame)) % 2, "b", "a"))
    plain = spec(formula)
    asked = replace(plain, **more)
    write_record(tmp_path, KEY, asked, frame, PortEngine().fit(asked, frame))
    assert replay(tmp_path).answer(KEY, asked, frame).n_obs == len(frame)
    assert replay(tmp_path).fit(asked, frame).n_obs == len(frame)
    with pytest.raises(RecordRefused, match=r"its (weights|offset|contrasts) is"):
        replay(tmp_path).answer(KEY, plain, frame)
    with pytest.raises((RecordRefused, ReferenceUnavailable)):
        replay(tmp_path).fit(plain, frame)
    raw = json.loads((tmp_path / f"{KEY.slug}.json").read_text(encoding="utf-8"))
    assert set(raw["model"]) - {"formula", "reml", "df_method", "conf_level"} == set(more)
    if "contrasts" not in more:
        with pytest.raises(RecordRefused, match="data have changed"):
            replay(tmp_path).answer(KEY, asked, frame.assign(w=frame["w"] + 1e-9))


ASKED = Besides(
    ("emmeans", "effect_size"),
    DesignColumn("arm", ("a", "b")),
    None,
    "equal",
    EffectUnit("residual"),
)


@pytest.mark.parametrize(
    "other",
    [
        None,
        replace(ASKED, weights="cells"),
        replace(ASKED, parts=("emmeans",)),
        replace(ASKED, arm=DesignColumn("arm", ("b", "a"))),
        replace(ASKED, unit=EffectUnit("given", 2.0)),
        replace(ASKED, time=DesignColumn("Days", ("0", "9"))),
        replace(ASKED, hypotheses=(Hypothesis("h", ((("armb", 1.0),),), (0.0,)),)),
    ],
)
def test_what_is_asked_besides_makes_another_model(tmp_path: Path, other: Besides | None) -> None:
    frame = sleepstudy()
    frame["arm"] = pd.Categorical(np.where(np.arange(len(frame)) % 2, "b", "a"))
    asked = replace(spec("Reaction ~ Days + arm + (1 | Subject)"), besides=ASKED)
    answer = PortEngine().fit(asked, frame)
    write_record(tmp_path, KEY, asked, frame, answer)
    found = replay(tmp_path).answer(KEY, asked, frame)
    assert (found.emmeans, found.effect_sizes) == (answer.emmeans, answer.effect_sizes)
    with pytest.raises(RecordRefused, match="its besides is"):
        replay(tmp_path).answer(KEY, replace(asked, besides=other), frame)


def test_a_record_of_a_fit_alone_says_nothing_of_what_else_could_be_asked(folder: Path) -> None:
    raw = json.loads((folder / f"{KEY.slug}.json").read_text(encoding="utf-8"))
    assert set(raw["model"]) == {"formula", "reml", "df_method", "conf_level"}


def test_the_baseline_column_is_one_of_the_data_a_record_is_for(tmp_path: Path) -> None:
    frame = sleepstudy()
    frame["arm"] = pd.Categorical(np.where(np.arange(len(frame)) % 2, "b", "a"))
    frame["base"] = frame["Reaction"] + 1.0
    unit = EffectUnit("baseline", None, "base", "arm", "Subject")
    asked = replace(
        spec("Reaction ~ Days + arm + (1 | Subject)"), besides=replace(ASKED, unit=unit)
    )
    write_record(tmp_path, KEY, asked, frame, PortEngine().fit(asked, frame))
    assert replay(tmp_path).answer(KEY, asked, frame).effect_sizes
    with pytest.raises(RecordRefused, match="data have changed"):
        replay(tmp_path).answer(KEY, asked, frame.assign(base=frame["base"] + 1.0))
