"""The worker and ``Rscript run.R`` answer alike, bit for bit; and R parses no text of ours."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from besides_cases import CASES as CASES_BESIDES
from r_examples import SLEEP, awkward, classic, sleepstudy, spec

from harness.engines.r.channel import Channel
from harness.engines.r.columns import columns_of, plain_columns
from harness.engines.r.engine import RLiveEngine
from harness.engines.r.home import child_environment
from harness.engines.r.request import criterion_request, fit_request
from harness.engines.r.scripts import scripts_folder
from harness.models.design import build_design
from harness.models.prints import problem_print
from harness.models.record import as_json
from harness.models.spec import ModelSpec

RScript = Callable[..., str]


def by_rscript(
    rscript: RScript, folder: Path, request: dict[str, Any], frame: pd.DataFrame, names: Any
) -> Any:
    request = {**request, "data": plain_columns(columns_of(frame, names))}
    asked, answered = folder / "request.json", folder / "answer.json"
    asked.write_text(json.dumps(request), encoding="utf-8")
    rscript("", str(scripts_folder() / "run.R"), str(asked), str(answered))
    return json.loads(answered.read_text(encoding="utf-8"))


BESIDES = ("slopes-baseline", "kenward-roger", "arm-absent", "linear-weights-offset", "odd-levels")
CASES: list[tuple[str, ModelSpec, pd.DataFrame]] = [
    ("slopes", spec(SLEEP), sleepstudy()),
    ("slopes-ml-z", spec(SLEEP, reml=False, df_method="z"), sleepstudy()),
    ("kenward-roger", spec(SLEEP, df_method="kenward-roger"), sleepstudy()),
    ("boundary", spec("Yield ~ 1 + (1 | Batch)"), classic("Dyestuff2", "Batch")),
    ("unused-levels", spec("y ~ x * arm + flag + text + (1 | id)"), awkward()),
    ("back-ticks", spec("`my y` ~ I(x^2) + count + (x || `my id`)"), awkward()),
    ("calls", spec("log(y + 10) ~ scale(count) + center(count) + (0 + count | id)"), awkward()),
    ("lm", spec("y ~ arm + text"), awkward()),
    ("lm-no-intercept", spec("y ~ 0 + arm:x"), awkward()),
    *((name, CASES_BESIDES[name][0], CASES_BESIDES[name][1]()) for name in BESIDES),
]


@pytest.mark.parametrize(("asked", "frame"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_both_channels_answer_alike(
    r_home: Path, rscript: RScript, tmp_path: Path, asked: ModelSpec, frame: pd.DataFrame
) -> None:
    names = asked.columns
    channel = _warm_channel()
    worker = channel.ask(fit_request(asked), columns_of(frame, names))
    alone = by_rscript(rscript, tmp_path, fit_request(asked), frame, names)
    assert "answer" in worker, worker
    assert json.dumps(_floats(worker), sort_keys=True) == json.dumps(_floats(alone), sort_keys=True)
    if "||" not in asked.formula.text:  # which is expanded before lme4 sees it
        assert worker["answer"]["formula"] == asked.formula.text


@pytest.mark.parametrize(("asked", "frame"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_r_solved_the_problem_python_would(
    lme4: RLiveEngine, asked: ModelSpec, frame: pd.DataFrame
) -> None:
    theirs = lme4.fit(asked, frame).problem
    assert as_json(theirs) == as_json(problem_print(build_design(asked, frame)))


def test_the_criterion_is_the_same_in_both_channels(
    r_home: Path, rscript: RScript, tmp_path: Path
) -> None:
    request = criterion_request(spec(SLEEP), [0.9, 0.1, 0.3])
    names = spec(SLEEP).formula.columns
    worker = _warm_channel().ask(request, columns_of(sleepstudy(), names))
    assert worker == by_rscript(rscript, tmp_path, request, sleepstudy(), names)


_CHANNEL: list[Channel] = []


def _warm_channel() -> Channel:
    if not _CHANNEL:
        _CHANNEL.append(Channel())
    return _CHANNEL[0]


@pytest.fixture(autouse=True, scope="module")
def _close_channel() -> Any:
    yield
    while _CHANNEL:
        _CHANNEL.pop().close()


def _floats(value: Any) -> Any:
    """Every number as a float: JSON writes 2.0 as 2 from R and as 2.0 from Python."""
    if isinstance(value, dict):
        return {key: _floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_floats(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def name(text: str) -> dict[str, Any]:
    return {"name": text}


def call(function: Any, *arguments: Any) -> dict[str, Any]:
    return {"call": function, "args": list(arguments)}


HOSTILE: dict[str, tuple[Any, str]] = {
    "system": (call("system", {"text": "true"}), "the call `system` is not allowed"),
    "nested": (call("+", name("x"), call("log", call("eval", name("x")))), "`eval` is not allowed"),
    "namespace": (call("::", name("x"), name("x")), "`::` is not allowed"),
    "assignment": (call("<-", name("x"), {"number": 1}), "`<-` is not allowed"),
    "function": (call("function", name("x")), "`function` is not allowed"),
    "call-of-call": (call(call("log", name("x")), name("x")), "not a single text"),
    "outside-name": (name("letters"), "`letters` is not a column"),
    "dot": (name("."), r"`\.` is not a column"),
    "dots": (name("..1"), r"`\.\.1` is not a column"),
    "arity": (call("I", name("x"), name("x")), "wrong number of arguments for `I`"),
    "no-arguments": ({"call": "log"}, "wrong number of arguments"),
    "two-kinds": ({"name": "x", "text": "x"}, "number, text, name or call"),
    "text-number": ({"number": "1"}, "not a finite number"),
    "infinite": ({"number": None}, "number"),
    "not-a-node": ("x", "number, text, name or call"),
    "bar-in-response": (None, r"the call `\|` is not allowed"),
}


@pytest.mark.parametrize(("tree", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_tree_is_refused_before_anything_is_evaluated(
    r_home: Path, tree: Any, reason: str
) -> None:
    columns = columns_of(awkward(), ["y", "x"])
    formula = {"response": name("y"), "rhs": tree}
    if tree is None:
        formula = {"response": call("|", name("y"), name("x")), "rhs": name("x")}
    request = {**fit_request(spec("y ~ x")), "formula": formula}
    given = _warm_channel().ask(request, columns)
    assert given["error"]["kind"] == "request", given
    assert re.search(reason, given["error"]["message"]), given


@pytest.mark.parametrize("bars", ["|", "||"])
def test_a_column_named_like_code_is_only_a_name(
    lme4: RLiveEngine, tmp_path: Path, bars: str
) -> None:
    """lme4 itself pastes names into text when it expands ``||``; ours never reach that."""
    trap = tmp_path / "sprung"
    hostile = f"g) + system('touch {trap}"
    frame = awkward().rename(columns={"my id": hostile})
    found = lme4.fit(spec(f"y ~ x + (x {bars} `{hostile}`)"), frame)
    assert list(found.groups) == [f"`{hostile}`"]
    assert not trap.exists()


def test_uncorrelated_terms_are_lme4s(rscript: RScript, lme4: RLiveEngine) -> None:
    plain = rscript(
        "m <- lme4::lmer(Reaction ~ Days + (Days || Subject), lme4::sleepstudy, control = "
        "lme4::lmerControl(optCtrl = list(xtol_rel = 0, xtol_abs = 1e-12, ftol_abs = 0)));"
        'cat(sprintf("%.17g", lme4::getME(m, "theta")))'
    )
    found = lme4.fit(spec("Reaction ~ Days + (Days || Subject)"), sleepstudy())
    assert found.theta == pytest.approx([float(t) for t in plain.split()], rel=1e-6)
    assert [row.term for row in found.random] == [
        "sd(Subject:(Intercept))",
        "sd(Subject:Days)",
        "sigma",
    ]


def test_nested_groups_are_named_as_formulas_name_them(lme4: RLiveEngine) -> None:
    frame = classic("Pastes", "batch", "cask", "sample")
    found = lme4.fit(spec("strength ~ 1 + (1 | batch/cask)"), frame)
    assert found.groups == {"cask:batch": 30, "batch": 10}
    terms = {row.term for row in found.random}
    assert terms == {"sd(cask:batch:(Intercept))", "sd(batch:(Intercept))", "sigma"}


def test_exact_sum_is_the_correctly_rounded_one(rscript: RScript, tmp_path: Path) -> None:
    """Against math.fsum and exact fractions, ties and cancellation included."""
    draw = random.Random(20)
    vectors = [
        [1e16, 1.0, 1e-16],
        [1.0, 2.0**-53, 2.0**-106],
        [1.0, 2.0**-53, -(2.0**-106)],
        [1.0, 2.0**-53],
        [1e290, 1e-308, -1e290],
        [0.1] * 10,
        [-0.0],
    ]
    for _ in range(150):
        spread = draw.choice([0, 5, 30])
        size = draw.randint(1, 60)
        vector = [draw.gauss(0, 1) * 10 ** draw.uniform(-spread, spread) for _ in range(size)]
        vectors.append(vector + ([-v for v in vector[: size // 2]] if draw.random() < 0.4 else []))
    (tmp_path / "sums.json").write_text(json.dumps(vectors), encoding="utf-8")
    script = tmp_path / "sums.R"
    script.write_text(
        f'source("{scripts_folder()}/exact_sum.R")\n'
        f'for (v in jsonlite::fromJSON("{tmp_path}/sums.json", simplifyVector = FALSE))\n'
        'cat(sprintf("%.17g\\n", exact_sum(unlist(v))))\n',
        encoding="utf-8",
    )
    sums = [float(line) for line in rscript("", str(script)).split()]
    assert sums == [math.fsum(v) for v in vectors]
    assert sums == [float(sum(map(Fraction, v))) for v in vectors]


def test_json_carries_every_double(rscript: RScript, tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    bits = draw.integers(0, 2**64, 5000, dtype=np.uint64)
    values = bits.view(np.float64)
    values = np.concatenate([values[np.isfinite(values)], [0.1, 5e-324, -0.0, 2.0**53 + 2]])
    text = tmp_path / "doubles.json"
    text.write_text(json.dumps({"x": values.tolist(), "s": 'a"\\\n\té\x7f'}), encoding="utf-8")
    script = tmp_path / "doubles.R"
    script.write_text(
        f'source("{scripts_folder()}/io.R")\nr <- read_request("{text}")\n'
        f'write_answer(list(x = I(unlist(r$x)), s = r$s), "{tmp_path}/back.json")\n',
        encoding="utf-8",
    )
    rscript("", str(script))
    back = json.loads((tmp_path / "back.json").read_text(encoding="utf-8"))
    assert np.array(back["x"], dtype=float).tobytes() == values.tobytes()
    assert back["s"] == 'a"\\\n\té\x7f'


def test_run_r_says_usage_and_leaves_an_error_as_data(rscript: RScript, tmp_path: Path) -> None:
    run = str(scripts_folder() / "run.R")
    rscript("", run, expect=2)
    (tmp_path / "q.json").write_text('{"question": "fortune"}', encoding="utf-8")
    rscript("", run, str(tmp_path / "q.json"), str(tmp_path / "a.json"), expect=2)
    answer = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert answer == {"error": {"kind": "request", "message": "unknown question `fortune`"}}


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_the_locale_of_the_caller_does_not_reach_the_answer(
    r_home: Path, tmp_path: Path, locale: str
) -> None:
    asked = spec("`my y` ~ text + (1 | `my id`)")
    request = {
        **fit_request(asked),
        "data": plain_columns(columns_of(awkward(), asked.formula.columns)),
    }
    (tmp_path / "q.json").write_text(json.dumps(request, ensure_ascii=False), encoding="utf-8")
    subprocess.run(
        [
            str(r_home / "bin" / "Rscript"),
            "--vanilla",
            str(scripts_folder() / "run.R"),
            str(tmp_path / "q.json"),
            str(tmp_path / "a.json"),
        ],
        env={**child_environment(r_home), "LC_ALL": locale},
        check=True,
    )
    answer = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["answer"]
    assert answer["problem"]["levels"] == {"text": ["Z", "u", "é"]}
    assert [row["term"] for row in answer["fixed"]] == ["(Intercept)", "textu", "texté"]
    assert answer["versions"]["collation"] == "C"
    assert answer["versions"]["encoding"] == "UTF-8"
