"""Means, contrasts, trends and joint tests against R's emmeans, at the port's own theta."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import harness
from harness.data import derive, open_study
from harness.engines.port.means.contrasts import contrast_set
from harness.engines.port.means.multivariate_t import LargestT
from harness.models.variables import level_text

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from port_data import classic, longitudinal, trial_by_site, two_wave

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"


@cache
def btheb() -> pd.DataFrame:
    return derive(open_study(FIXTURES / "btheb" / "plan.yaml"))


def visits() -> pd.DataFrame:
    """Unbalanced visits of three arms, with covariates of all sorts."""
    frame = longitudinal(1)
    rng = np.random.default_rng(7)
    code = frame["g"].cat.codes.to_numpy()
    frame["arm"] = pd.Categorical(
        np.array(["TAU", "MBSR", "CBT"])[code % 3], ["TAU", "MBSR", "CBT"]
    )
    frame["age"] = rng.uniform(20.0, 70.0, size=40)[code]
    frame["base"] = rng.lognormal(1.0, 0.5, size=40)[code]
    frame["woman"] = (rng.random(40) < 0.3)[code].astype(float)
    frame["site"] = pd.Categorical(np.resize(["b", "a", "a", "c", "c"], 40)[code])
    return frame


def in_unit(unit: float) -> Callable[[], pd.DataFrame]:
    return lambda: visits().assign(y=lambda d: d["y"] * unit)


def empty_cell() -> pd.DataFrame:
    return visits().query("not (arm == 'CBT' and t == 4)").reset_index(drop=True)


def question(kind: str = "means", **asked: Any) -> dict[str, Any]:
    return {"kind": kind, **asked}


SW, KR = "satterthwaite", "kenward-roger"
DF = (SW, KR, "asymptotic")
ADJUSTMENTS = ("none", "tukey", "sidak", "scheffe", "bonferroni", "holm", "hochberg", "hommel")

EVERY_WEIGHTING = [
    question(specs=["arm"], weights=weights, df=SW)
    for weights in ("equal", "proportional", "outer", "cells", "flat")
]
EVERY_ADJUSTMENT = [
    question(specs=["t"], by=["arm"], contrast=contrast, adjust=adjust, df=SW)
    for adjust in (*ADJUSTMENTS, "BH", "BY")
    for contrast in ("pairwise", "trt.vs.ctrl")
]
TRIAL = (
    [question(specs=["arm", "t"], df=df) for df in DF]
    + [question(specs=["arm"], by=["t"], contrast="pairwise", adjust="tukey", df=df) for df in DF]
    + [
        question(specs=["arm", "t"], interaction=["pairwise"], df=KR),
        question(specs=["arm", "t"], interaction=["trt.vs.ctrl", "consec"], df=SW),
        question("joint", specs=["t"], by=["arm"], contrast="pairwise", adjust="none", df=SW),
        question("joint_tests", df=SW),
        question("joint_tests", df=KR),
        question("joint_tests", by=["arm"], df=SW),
    ]
)
NOT_SATTERTHWAITE = [q for q in TRIAL if q["df"] != SW]

Model = tuple[Callable[[], pd.DataFrame], str, list[dict[str, Any]]]

MODELS: dict[str, Model] = {
    "sleepstudy": (
        lambda: classic("sleepstudy"),
        "Reaction ~ Days + (Days | Subject)",
        [
            question(specs=["Days"], at={"Days": [0, 4, 8.5]}, df=df) for df in DF
        ] + [
            question(specs=["Days"], at={"Days": [0, 4, 8.5]}, contrast="pairwise", adjust="holm",
                     df=SW),
            question(specs=[], var="Days", df=KR),
            question("joint_tests", df=KR),
        ],
    ),
    "sleepstudy-poly": (
        lambda: classic("sleepstudy"),
        "Reaction ~ poly(Days, 2) + (Days | Subject)",
        [
            question(specs=["Days"], at={"Days": [0, 4.5, 11]}, df=KR),
            question(specs=["Days"], at={"Days": [0, 4.5, 11]}, contrast="consec", adjust="none",
                     df=SW),
        ],
    ),
    "cake": (
        lambda: classic("cake"),
        "angle ~ recipe * temperature + (1 | replicate)",
        [
            question(specs=["temperature"], contrast=contrast, adjust="none", df=SW)
            for contrast in ("pairwise", "revpairwise", "trt.vs.ctrl", "consec", "eff", "poly")
        ] + [
            question(specs=["temperature"], by=["recipe"], contrast="poly", adjust="none", df=KR),
            question(specs=["recipe"], contrast="trt.vs.ctrl", ref=1, adjust="none", df=KR),
            question(specs=["recipe"], contrast={"last": [0.5, 0.5, -1], "a": [1, -1, 0]},
                     adjust="sidak", df=KR),
            question(specs=["temperature"], contrast="pairwise", adjust="tukey", df=SW),
            question(specs=["recipe", "temperature"], interaction=["pairwise", "poly"], df=SW),
            question("joint_tests", df=KR),
        ],
    ),
    "cake-slopes": (
        lambda: classic("cake"),
        "angle ~ recipe * temp + (1 | replicate)",
        [
            question(specs=["recipe"], var="temp", df=KR),
            question(specs=["recipe"], var="temp", contrast="pairwise", adjust="tukey", df=SW),
            question("joint_tests", df=SW),
        ],
    ),
    "two-wave": (
        two_wave,
        "y ~ arm * time * scale(z) + (1 | id)",
        [
            question(specs=["arm"], by=["time"], df=df) for df in DF
        ] + [
            question(specs=["arm"], by=["time"], contrast="pairwise", adjust="holm", df=KR),
            question(specs=["arm", "time"], at={"z": [-1, 0.5]}, by=["z"], interaction=["pairwise"],
                     df=SW),
            question(specs=["arm"], by=["time"], var="z", df=SW),
            question(specs=["arm"], at={"time": ["post"], "z": [-1, 0, 1]}, df=SW),
            question("joint_tests", df=KR),
        ],
    ),
    "visits": (
        visits,
        "y ~ arm * factor(t) + age + woman + (1 | g)",
        [*TRIAL, *EVERY_WEIGHTING, *EVERY_ADJUSTMENT,
         question(specs=["arm"], at={"t": [0, 3], "age": [30, 50]}, weights="proportional", df=SW),
         question(specs=["arm"], at={"woman": [0.3]}, weights="cells", df=SW),
         question(specs=["arm"], at={"woman": [0, 1]}, weights="proportional", df=SW),
         question(specs=["woman"], contrast="pairwise", adjust="none", df=SW),
         question(specs=["arm", "t"], contrast="pairwise", adjust="tukey", df=KR),
         question(specs=["arm", "t"], adjust="bonferroni", df=SW)],
    ),
    "visits-sites": (
        visits,
        "y ~ arm + site + arm:site + log(base) + t + I(t^2) + (t | g)",
        [
            question(specs=["site"], weights=weights, df=SW)
            for weights in ("equal", "proportional", "outer", "cells", "flat")
        ] + [
            question(specs=["t"], at={"t": [0, 2, 4]}, df=KR),
            question(specs=["base"], at={"base": [1, 2.7, 9]}, contrast="consec", adjust="none",
                     df=SW),
            question("joint_tests", df=SW),
            question("trend", specs=["arm"], var="base", at={"base": [1, 3]}, df=SW),
            question("trend", specs=["t"], var="t", at={"t": [0, 1, 4]}, df=KR),
        ],
    ),
    # lmerTest differentiates numerically and loses its df in such units; see the test of units.
    "tiny-unit": (in_unit(1e-6), "y ~ arm * factor(t) + age + (1 | g)", NOT_SATTERTHWAITE),
    "huge-unit": (in_unit(1e9), "y ~ arm * factor(t) + age + (1 | g)", NOT_SATTERTHWAITE),
    "empty-cell": (
        empty_cell,
        "y ~ arm * factor(t) + age + (1 | g)",
        [
            question(specs=["arm", "t"], df=SW),
            question(specs=["arm", "t"], df=KR),
            question(specs=["arm"], df=SW),
            question(specs=["arm"], weights="cells", df=SW),
            *(question(specs=["t"], by=["arm"], contrast="pairwise", adjust=a, df=SW)
              for a in (*ADJUSTMENTS, "BH", "BY")),
            question(specs=["arm"], contrast="pairwise", adjust="none", df=SW),
            question("joint_tests", df=SW),
            question("joint_tests", by=["t"], df=SW),
            question("joint", specs=["arm", "t"], df=SW),
            question("joint", specs=["arm"], by=["t"], contrast="pairwise", adjust="none", df=SW),
        ],
    ),
    "several-factors": (
        lambda: trial_by_site(3),
        "y ~ arm * t + (t | id) + (1 | site) + (1 | rater)",
        [
            question(specs=["arm"], df=SW),
            question(specs=["arm"], at={"t": [0, 3]}, by=["t"], contrast="pairwise", adjust="none",
                     df=SW),
            question(specs=["arm"], var="t", contrast="pairwise", adjust="none", df=SW),
        ],
    ),
    "btheb": (
        btheb,
        "bdi ~ treatment * month + (1 | subject)",
        [
            question(specs=["treatment"], by=["month"], contrast="pairwise", adjust="none", df=df)
            for df in DF
        ] + [question("joint_tests", df=KR)],
    ),
    "ancova": (
        lambda: visits().drop_duplicates("g").reset_index(drop=True),
        "y ~ arm + site + log(base) + poly(age, 2) + scale(base)",
        [
            question(specs=["arm"]),
            question(specs=["arm"], contrast="pairwise", adjust="tukey"),
            question(specs=["site"], weights="proportional"),
            question(specs=["age"], at={"age": [25, 45, 65]}, contrast="pairwise", adjust="none"),
            question("joint_tests"),
        ],
    ),
    "lm-empty": (
        lambda: empty_cell().drop_duplicates(["g", "t"]).reset_index(drop=True),
        "y ~ arm * factor(t) + woman",
        [
            question(specs=["arm", "t"]),
            question(specs=["t"], by=["arm"], contrast="trt.vs.ctrl", adjust="sidak"),
            question("joint_tests"),
        ],
    ),
}  # fmt: skip


@cache
def fitted(model: str) -> Any:
    data, formula, _ = MODELS[model]
    return (harness.lmer if "|" in formula else harness.lm)(formula, data())


def asked(fit: Any, q: dict[str, Any]) -> pd.DataFrame:
    """The same question to the port."""
    df = {"asymptotic": "z"}.get(q.get("df"), q.get("df"))
    if q["kind"] == "joint_tests":
        return fit.joint_tests(by=q.get("by"), df=df)
    means = fit.emmeans(q["specs"], by=q.get("by"), at=q.get("at"), df=df,
                        weights=q.get("weights", "equal")) if "var" not in q else fit.emtrends(
        q["specs"], var=q["var"], by=q.get("by"), at=q.get("at"), df=df)  # fmt: skip
    if "contrast" in q:
        means = means.contrast(q["contrast"], adjust=q["adjust"], ref=q.get("ref", 0))
    elif "interaction" in q:
        means = means.interaction(q["interaction"] if len(q["interaction"]) > 1 else "pairwise")
    elif "adjust" in q:
        means = fit.emmeans(q["specs"], df=df, adjust=q["adjust"])
    if q["kind"] == "joint":
        return means.joint()
    return means.table() if hasattr(means, "pairs_of") else means.table(tests=True)


TAILS = [
    {"name": name, "q": q, "df": df}
    for name in ("pairs of four", "pairs of six", "unequal", "one control", "few against many")
    for q, df in ((1.5, 7), (2.5, 40), (4.0, 12))
]


def correlation(name: str) -> np.ndarray:
    """Correlations of contrasts of independent or correlated means."""
    rng = np.random.default_rng(11)
    if name.startswith("pairs"):
        k = 4 if "four" in name else 6
        contrasts = contrast_set("pairwise", list("abcdef"[:k])).coefficients
        V = np.eye(k)
    elif name == "unequal":
        contrasts = contrast_set("consec", list("abcdef")).coefficients
        A = rng.normal(size=(6, 6))
        V = A @ A.T
    else:
        contrasts = contrast_set("trt.vs.ctrl", list("abcdefgh")).coefficients
        V = (
            np.diag(rng.uniform(0.5, 2.0, size=8))
            if name == "one control"
            else np.diag([0.1, *rng.uniform(1.0, 9.0, size=7)])
        )
    V = contrasts @ V @ contrasts.T
    sd = np.sqrt(V.diagonal())
    return V / np.outer(sd, sd)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is not on the PATH")
    folder = tmp_path_factory.mktemp("emmeans")
    models = {}
    for name, (data, formula, questions) in MODELS.items():
        frame, fit = data(), fitted(name)
        frame.to_csv(folder / f"{name}.csv", index=False, float_format="%.17g")
        models[name] = {
            "file": f"{name}.csv",
            "formula": formula,
            "questions": questions,
            "factors": {
                column: [str(level) for level in frame[column].cat.categories]
                for column in frame
                if isinstance(frame[column].dtype, pd.CategoricalDtype)
            },
        }
        if "|" in formula:
            models[name]["theta"] = fit.theta.tolist()
    (folder / "models.json").write_text(json.dumps(models), encoding="utf-8")
    tails = [{**tail, "correlation": correlation(tail["name"]).tolist()} for tail in TAILS]
    (folder / "tails.json").write_text(json.dumps(tails), encoding="utf-8")
    script = Path(__file__).with_name("emmeans.R")
    said = subprocess.run(
        ["Rscript", "--vanilla", str(script), str(folder)], capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def column(r: dict[str, list[str]], *names: str) -> np.ndarray:
    values = next(r[name] for name in names if name in r)
    return np.array([np.nan if v in ("NA", None) else float(v) for v in values])


def relative(got: Any, wanted: np.ndarray) -> float:
    """Largest relative difference; missing values must agree."""
    got = np.asarray(got, dtype=float)
    assert got.shape == wanted.shape
    for missing in (np.isnan, np.isinf):
        assert missing(got).tolist() == missing(wanted).tolist()
    there = np.isfinite(got) & (got != wanted)
    got, wanted = got[there], wanted[there]
    return float((np.abs(got - wanted) / np.abs(wanted)).max(initial=0.0))


def off(got: Any, wanted: np.ndarray, unit: Any) -> float:
    """Largest difference in some unit; missing values must agree."""
    got = np.asarray(got, dtype=float)
    assert np.isnan(got).tolist() == np.isnan(wanted).tolist()
    there = ~np.isnan(got)
    return float((np.abs(got - wanted) / unit)[there].max(initial=0.0))


def compare_tests(ours: pd.DataFrame, q: dict[str, Any], r: dict[str, list[str]]) -> None:
    ours = ours[ours["num_df"] > 0]  # emmeans leaves terms without df out
    rows = list(range(len(r["df1"])))
    if q["kind"] == "joint_tests":
        # What emmeans calls confounded is no term of the model.
        rows = [k for k in rows if r["model term"][k] != "(confounded)"]
        by = q.get("by", [])
        if by:  # it stores them term by term, and prints them as ours are
            rows.sort(key=lambda k: list(dict.fromkeys(r[by[0]])).index(r[by[0]][k]))
            assert [level_text(v) for v in ours[by[0]]] == [r[by[0]][k] for k in rows]
        assert ours["term"].tolist() == [r["model term"][k] for k in rows]
        reduced = [note.strip() != "" for note in r.get("note", [""] * len(r["df1"]))]
        assert [note != "" for note in ours["note"]] == [reduced[k] for k in rows]
    assert ours["num_df"].tolist() == column(r, "df1")[rows].tolist()
    # emmeans prints and keeps three decimals of F. Its df are those of single contrasts, ours
    # Fai and Cornelius' or Kenward and Roger's, which lmerTest and pbkrtest answer for elsewhere.
    assert off(ours["f_value"], column(r, "F.ratio")[rows], 1.0) <= 5.001e-4
    if "df" not in q:
        assert relative(ours["p_value"], column(r, "p.value")[rows]) < 1e-8


def compare(ours: pd.DataFrame, q: dict[str, Any], r: dict[str, list[str]]) -> dict[str, float]:
    """What differs by more than it may."""
    if "contrast" in q:
        assert ours["contrast"].tolist() == r["contrast"]
    std_error = column(r, "SE")
    trend = [name for name in r if name.endswith(".trend")]
    estimate = column(r, "emmean", "estimate", *trend)
    got = ours[next(name for name in ("emmean", "trend", "estimate") if name in ours)]
    low, high = column(r, "lower.CL", "asymp.LCL"), column(r, "upper.CL", "asymp.UCL")
    p, wanted = ours["p_value"].to_numpy(), column(r, "p.value")
    numeric = q.get("df") == SW  # lmerTest's derivatives have eight digits or so
    tukey = q.get("adjust") == "tukey"  # R's qtukey stops at 1e-4 of its last step
    gaps = {
        "estimate": (off(got, estimate, std_error), 1e-9),
        "std_error": (relative(ours["std_error"], std_error), 1e-9),
        "df": (relative(ours["df"], column(r, "df")), 1e-6 if numeric else 1e-8),
        "conf_low": (off(ours["conf_low"], low, std_error), 1e-6 if numeric or tukey else 1e-9),
        "conf_high": (off(ours["conf_high"], high, std_error), 1e-6 if numeric or tukey else 1e-9),
        # ptukey's own error is absolute. Where a row has no estimate emmeans rounds the df of
        # the others to whole numbers (114.22 to 114, 116.65 to 117) for Tukey's p values.
        "p": (off(p, wanted, 1.0), 3e-5 if np.isnan(wanted).any() else 1e-7) if tukey
        else (relative(p, wanted), 1e-5 if numeric else 1e-8),
    }  # fmt: skip
    return {name: gap for name, (gap, limit) in gaps.items() if not gap <= limit}


@pytest.mark.live_r
class TestEmmeans:
    @pytest.mark.parametrize("model", MODELS)
    def test_every_number_at_the_same_theta(self, answers: dict, model: str) -> None:
        _, _, questions = MODELS[model]
        for q, r in zip(questions, answers["models"][model], strict=True):
            ours = asked(fitted(model), q)
            if "joint" in q["kind"]:
                compare_tests(ours, q, r)
            elif q["kind"] == "trend":
                # emmeans takes the slope of a chord over a thousandth of the range, which for
                # log(x) near 1 is off by 2e-3; ours is the derivative.
                name = f"{q['var']}.trend"
                assert off(ours["trend"], column(r, name), column(r, "SE")) < 5e-3
                assert relative(ours["std_error"], column(r, "SE")) < 5e-3
            else:
                gaps = compare(ours, q, r)
                assert not gaps, f"{model}, {q}: {gaps}"

    @pytest.mark.parametrize("k", range(len(TAILS)), ids=lambda k: f"{TAILS[k]}")
    def test_tails_of_the_largest_t_as_mvtnorm(self, answers: dict, k: int) -> None:
        r = answers["tails"][k]
        got, error = LargestT(correlation(TAILS[k]["name"])).tail(TAILS[k]["q"], TAILS[k]["df"])
        theirs, their_error = float(r["tail"][0]), float(r["error"][0])
        # mvtnorm's error is a 99 % bound, ours a standard error.
        assert abs(got - theirs) <= 4.0 * error + 2.0 * their_error
        assert their_error < 1e-3
        assert error < 1e-4
