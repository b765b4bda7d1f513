"""The port's answers: every quantity of a model as one vector with its unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from models import EVERY, SECOND, Model
from questions import answered, questions_of

import harness
from harness.engines.port.engine import PortEngine
from harness.engines.port.fit import Fit
from harness.engines.port.hypotheses.contrasts import term_contrasts
from harness.engines.port.hypotheses.effects import effects_of
from harness.models.spec import DfMethod

Vector = npt.NDArray[np.float64]
LEFT_OUT = 4
"""Groups left out in turn, of each model."""


@dataclass
class Answer:
    """Values by quantity, and the unit in which each may differ."""

    values: dict[str, Vector] = field(default_factory=dict)
    unit: dict[str, Vector] = field(default_factory=dict)

    def put(self, name: str, values: Any, unit: Any = 1.0) -> None:
        self.values[name] = np.asarray(values, dtype=float).ravel()
        self.unit[name] = np.broadcast_to(np.asarray(unit, dtype=float), self.values[name].shape)


@cache
def fitted(name: str) -> Fit:
    model = EVERY[name]
    return harness.lmer(model.formula, model.frame(), reml=model.reml)


def group_of(model: Model, fit: Fit) -> str:
    """A grouping factor that is a column; there is none in ``recipe:replicate`` alone."""
    plain = [label for label in fit.groups if label in model.frame()]
    return plain[0] if plain else ""


def left_out(model: Model, fit: Fit) -> list[str]:
    group = group_of(model, fit)
    if not group:
        return []
    return [str(level) for level in model.frame()[group].cat.categories[:LEFT_OUT]]


def new_rows(model: Model, fit: Fit) -> pd.DataFrame:
    """Rows of the data with other numbers; two of them of a group nobody has seen."""
    new = model.frame().iloc[:: max(1, len(model.frame()) // 12)].reset_index(drop=True)
    for column in new:
        if new[column].dtype == float:
            new[column] = 0.9 * new[column] + 0.05 * float(model.frame()[column].mean())
    group = group_of(model, fit)
    if group:
        levels = [*new[group].cat.categories, "new"]
        new[group] = pd.Categorical([*new[group].astype(str)[:-2], "new", "new"], levels)
    return new


def hypotheses(fit: Fit) -> list[Vector]:
    """Rows of type III of each term, unrounded."""
    return term_contrasts(effects_of(fit.design), 3) if fit.design.terms else []


def draws(fit: Fit) -> Vector:
    """The standard normals of replicate 0 of seed 1: random effects first, then residuals."""
    effects = sum(fit.groups[term.group] * len(term.names) for term in fit.design.random)
    rng = np.random.default_rng(np.random.SeedSequence(1, spawn_key=(0,)))
    return rng.standard_normal(effects + fit.n_obs)


def at_the_optimum(name: str) -> Answer:
    """What R answers both at the port's theta and at its own."""
    model, fit = EVERY[name], fitted(name)
    answer, sigma = Answer(), fit.sigma
    se = np.sqrt(fit.vcov.diagonal())
    new = new_rows(model, fit)
    statistics, sds = fit.statistics, [row.estimate for row in fit.varcorr]
    answer.put("criterion", fit.criterion)
    answer.put("beta", fit.beta, se)
    answer.put("vcov", fit.vcov, np.outer(se, se).ravel())
    answer.put("se", se)
    answer.put("sigma", sigma)
    answer.put("varcorr", sds)
    answer.put("loglik", statistics.loglik)
    answer.put("aic", statistics.aic)
    answer.put("bic", statistics.bic)
    # In sigma: a slope's times the largest value it is multiplied by.
    size = {
        label: np.concatenate(
            [
                np.abs(np.column_stack(term.columns)).max(axis=0)
                for term in fit.design.random
                if term.group == label
            ]
        )
        for label in fit.groups
    }
    effects = [fit.ranef(label).to_numpy() for label in fit.groups]
    spread = [fit.conditional_sd(label).to_numpy() for label in fit.groups]
    unit = [np.broadcast_to(sigma / size[g], e.shape) for g, e in zip(size, effects, strict=True)]
    flat = np.concatenate([u.ravel() for u in unit])
    answer.put("ranef", np.concatenate([e.ravel() for e in effects]), flat)
    answer.put("condsd", np.concatenate([e.ravel() for e in spread]), flat)
    answer.put("fitted", fit.fitted, sigma)
    for kind in ("raw", "pearson", "scaled"):
        answer.put(f"residual_{kind}", fit.residuals(kind), sigma)
    answer.put("leverage", fit.leverage())
    distance = fit.cooks_distance()
    answer.put("cooks_row", distance, np.nanmax(distance))
    answer.put("predict_new", fit.predict(new, allow_new_levels=True), sigma)
    answer.put("predict_fixed", fit.predict(new, random=False), sigma)
    answer.put("simulate", fit.simulate(1, seed=1), sigma)
    answer.put("icc", fit.icc())
    answer.put("r2", fit.r2())
    methods: dict[str, DfMethod] = {"z": "z", "sw": "satterthwaite"}
    methods |= {"kr": "kenward-roger"} if model.reml else {}
    for short, method in methods.items():
        table = fit.table(method)
        ends = np.column_stack([table.conf_low, table.conf_high])
        answer.put(f"wald_{short}", ends, np.repeat(table.std_error, 2))
        if short == "z":
            continue
        answer.put(f"{short}_df", table.df)
        answer.put(f"{short}_p", table.p_value)
        if short == "kr":
            answer.put("kr_se", table.std_error)
        for kind in (1, 2, 3) if fit.design.terms else ():
            tests = fit.anova(kind, method)
            for column, of in (("f", "f_value"), ("df", "den_df"), ("p", "p_value")):
                answer.put(f"anova_{kind}_{short}_{column}", tests[of])
        own = [fit.f_test(L, method) for L in hypotheses(fit)]
        if own:
            answer.put(f"hypothesis_{short}_f", [test.f_value for test in own])
            answer.put(f"hypothesis_{short}_df", [test.den_df for test in own])
            answer.put(f"hypothesis_{short}_p", [test.p_value for test in own])
    for key, (values, unit) in answered(fit, questions_of(model)).items():
        answer.put(key, values, unit)
    return answer


@cache
def refit(name: str) -> Fit:
    """The model fitted to the other response."""
    again = fitted(name).refit(EVERY[name].frame()[SECOND].to_numpy())
    assert isinstance(again, Fit)
    return again


def refitted(name: str) -> Answer:
    """What needs other fits."""
    model, fit = EVERY[name], fitted(name)
    answer = Answer()
    if model.drop:
        small = harness.lmer(model.smaller, model.frame(), reml=model.reml)
        table = fit.compare(small)
        answer.put("lrt_loglik", table["loglik"])
        answer.put("lrt_chisq", table["chisq"].iloc[1])
        answer.put("lrt_df", table["df"].iloc[1])
        answer.put("lrt_p", table["p_value"].iloc[1])
    table = fit.ranova()
    answer.put("ranova_loglik", table["loglik"])
    answer.put("ranova_lrt", table["lrt"].iloc[1:])
    answer.put("ranova_p", table["p_value"].iloc[1:])
    again = refit(name)
    se = np.sqrt(again.vcov.diagonal())
    answer.put("refit_criterion", again.criterion)
    answer.put("refit_beta", again.beta, se)
    answer.put("refit_se", se)
    levels = left_out(model, fit)
    if levels:
        found = fit.influence(group_of(model, fit))
        own = np.sqrt(fit.vcov.diagonal())
        answer.put("dfbeta", found.dfbeta.loc[levels], np.tile(own, len(levels)))
        distance = found.measures["cooks_distance"].loc[levels].to_numpy()
        answer.put("cooks_group", distance, np.nanmax(distance))
    return answer


@cache
def answer(name: str) -> Answer:
    """Everything the port answers of a model."""
    found, more = at_the_optimum(name), refitted(name)
    return Answer(found.values | more.values, found.unit | more.unit)


def criterion_at(name: str, theta: Vector) -> float:
    """The port's criterion at any theta."""
    return PortEngine().criterion_at(fitted(name).design.spec, EVERY[name].frame(), theta)
