"""What a two-wave trial with complete data must give, in closed form: claims on one outcome.

Each function takes a trial and says what the port gives (``got``), what algebra on the wide table
gives (``said``), and how near they must be, in units of ``scale``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import gammaln

import harness

LIMIT = 1e-11
INTERACTION = "armMBSR:timepost"
MIXED = "y ~ arm * time + (1 | id)"
UNSTRUCTURED = {"subject": "id", "visit": "time", "covariance": "un"}


@dataclass(frozen=True)
class Claim:
    """One number that algebra knows."""

    what: str
    got: float
    said: float
    scale: float = math.nan
    limit: float = LIMIT

    @property
    def holds(self) -> bool:
        """Whether the port says what algebra says; a scale of NaN is the number's own size."""
        scale = abs(self.said) if math.isnan(self.scale) else self.scale
        return abs(self.got - self.said) <= self.limit * scale


@dataclass(frozen=True)
class Trial:
    """One outcome of patients with both visits.

    Attributes:
        frame: two rows a patient: id, arm (TAU, MBSR), time (pre, post), y, z (one a patient).
        wide: the same with columns pre, post, treated, z; the patients both of whose rows are in
            ``frame`` unless a test makes it otherwise.
    """

    frame: pd.DataFrame
    wide: pd.DataFrame

    @property
    def n(self) -> int:
        return len(self.wide)

    @property
    def sizes(self) -> tuple[int, int]:
        treated = int(self.wide["treated"].sum())
        return treated, self.n - treated

    @cached_property
    def change(self) -> tuple[np.ndarray, np.ndarray]:
        change = (self.wide["post"] - self.wide["pre"]).to_numpy()
        treated = self.wide["treated"].to_numpy()
        return change[treated], change[~treated]

    def apart(self, visit: str) -> float:
        """Mean of the treated less that of the others."""
        means = self.wide.groupby("treated")[visit].mean()
        return float(means[True] - means[False])

    @cached_property
    def pooled(self) -> np.ndarray:
        """(2, 2) sums of squares and products of pre and post within arms."""
        both = self.wide[["pre", "post"]]
        residual = (both - both.groupby(self.wide["treated"]).transform("mean")).to_numpy()
        return np.asarray(residual.T @ residual)

    @property
    def interior(self) -> bool:
        """Whether pre and post correlate positively, so that patients have a variance."""
        return bool(self.pooled[0, 1] > 0)

    @property
    def reflected(self) -> Trial:
        """The trial with the post values turned about their mean: correlation with another sign."""
        mean = self.wide["post"].mean()
        post = (self.frame["time"] == "post").to_numpy()
        y = self.frame["y"].where(~post, 2.0 * mean - self.frame["y"])
        wide = self.wide.assign(post=2.0 * mean - self.wide["post"])
        return Trial(self.frame.assign(y=y), wide)


def row(table: pd.DataFrame, term: str = INTERACTION) -> pd.Series:
    return table.set_index("term").loc[term]


def change_scores(trial: Trial) -> Iterator[Claim]:
    """1: the interaction of a REML fit is the pooled t test on change, on n - 2."""
    test = stats.ttest_ind(*trial.change)
    b = float(trial.change[0].mean() - trial.change[1].mean())
    se = b / test.statistic
    got = row(harness.lmer(MIXED, trial.frame).summary())
    yield Claim("B", got["estimate"], b, abs(se))
    yield Claim("SE", got["std_error"], se)
    yield Claim("t", got["statistic"], test.statistic, 1.0 + abs(test.statistic))
    yield Claim("df", got["df"], trial.n - 2.0, limit=1e-10)
    yield Claim("p", got["p_value"], test.pvalue, limit=1e-10)


def maximum_likelihood(trial: Trial) -> Iterator[Claim]:
    """2: by ML the same B, t larger by sqrt(n / (n - 2)), on n."""
    reml = row(harness.lmer(MIXED, trial.frame).summary())
    ml = row(harness.lmer(MIXED, trial.frame, reml=False).summary())
    yield Claim("B", ml["estimate"], reml["estimate"], reml["std_error"])
    ratio = math.sqrt(trial.n / (trial.n - 2))
    yield Claim("t / t", ml["statistic"] / reml["statistic"], ratio)
    yield Claim("df", ml["df"], float(trial.n), limit=1e-10)


def unstructured(trial: Trial) -> Iterator[Claim]:
    """3: a covariance by visit gives the same B and SE; its residual df are N - p."""
    mixed = row(harness.lmer(MIXED, trial.frame).summary())
    fit = harness.mmrm("y ~ arm * time", trial.frame, **UNSTRUCTURED)
    got = row(fit.summary("residual"))
    yield Claim("B", got["estimate"], mixed["estimate"], mixed["std_error"])
    yield Claim("SE", got["std_error"], mixed["std_error"], limit=1e-10)
    yield Claim("df", got["df"], 2.0 * trial.n - 4.0)
    p = 2 * stats.t.sf(abs(mixed["statistic"]), 2 * trial.n - 4)
    yield Claim("p", got["p_value"], p, limit=1e-10)
    yield Claim("df", float(fit.df("satterthwaite")[-1]), trial.n - 2.0, limit=1e-10)


def mixed_anova(trial: Trial) -> Iterator[Claim]:
    """4: F of the mixed analysis of variance, from its sums of squares, is t squared."""
    treated, control = trial.change
    grand = float(np.concatenate(trial.change).mean())
    between = sum(len(one) * (one.mean() - grand) ** 2 for one in trial.change) / 2
    within = sum(((one - one.mean()) ** 2).sum() for one in (treated, control)) / 2
    F = between / (within / (trial.n - 2))
    fit = harness.lmer(MIXED, trial.frame)
    yield Claim("t^2", row(fit.summary())["statistic"] ** 2, F, 1.0 + F)
    of_term = row(fit.anova(), "arm:time")
    yield Claim("F", of_term["f_value"], F, 1.0 + F)
    yield Claim("df", of_term["den_df"], trial.n - 2.0, limit=1e-10)


def moderated(trial: Trial) -> Iterator[Claim]:
    """5: arm x time x moderator is arm x moderator in the regression of change, on n - 4."""
    change = trial.wide.assign(
        change=trial.wide["post"] - trial.wide["pre"], arm=trial.wide["treated"].astype(float)
    )
    ols = row(harness.lm("change ~ arm * z", change).summary(), "arm:z")
    fit = harness.lmer("y ~ arm * time * z + (1 | id)", trial.frame)
    if fit.singular:  # given the moderator pre and post no longer correlate; see 7
        return
    got = row(fit.summary(), f"{INTERACTION}:z")
    yield Claim("B", got["estimate"], ols["estimate"], ols["std_error"])
    yield Claim("SE", got["std_error"], ols["std_error"])
    yield Claim("df", got["df"], trial.n - 4.0, limit=1e-10)
    yield Claim("p", got["p_value"], ols["p_value"], limit=1e-10)


def constrained_baseline(trial: Trial) -> Iterator[Claim]:
    """6: with the arms' baselines equal B is ANCOVA's by an unstructured covariance, else not.

    By ML the likelihood is that of pre times that of post given pre, and B is in the latter only:
    it is ANCOVA's to the last digit, with the variance that ANCOVA has at equal baselines, by n.
    By REML it is the same (what gls shows of a difference is where its optimiser stops), with an
    error below ANCOVA's. A random intercept has its own correlation in place of the slope.
    """
    (pre, cross), (_, post) = trial.pooled
    slope, inverse = cross / pre, sum(1 / n for n in trial.sizes)
    before, after = trial.apart("pre"), trial.apart("post")
    b, residual = after - slope * before, post - slope * cross
    se = math.sqrt(residual / trial.n * inverse)
    arm = trial.frame["arm"].astype(object)
    later = arm.where(trial.frame["time"] == "post", "TAU")
    frame = trial.frame.assign(later=pd.Categorical(later, categories=["TAU", "MBSR"]))
    by_ml = harness.mmrm("y ~ time + later", frame, reml=False, **UNSTRUCTURED).summary()
    yield Claim("B by ML", row(by_ml, "laterMBSR")["estimate"], b, se, 1e-10)
    yield Claim("SE by ML", row(by_ml, "laterMBSR")["std_error"], se, limit=1e-10)
    ancova = math.sqrt(residual / (trial.n - 3) * (inverse + before**2 / pre))
    by_reml = row(harness.mmrm("y ~ time + later", frame, **UNSTRUCTURED).summary(), "laterMBSR")
    yield Claim("B by REML", by_reml["estimate"], b, ancova, 1e-9)
    yield Claim("SE below ANCOVA's", float(by_reml["std_error"] < ancova), 1.0)
    fit = harness.lmer("y ~ time + later + (1 | id)", frame)
    share = float(fit.theta[0] ** 2 / (1.0 + fit.theta[0] ** 2))
    got = row(fit.summary(), "laterMBSR")["estimate"]
    yield Claim("B by random intercept", got, after - share * before, se, 1e-10)
    yield Claim("is another", float(abs(got - b) > 1e-6 * se), 1.0)


def boundary(trial: Trial) -> Iterator[Claim]:
    """7: where pre and post correlate negatively patients have no variance, and 1 does not hold."""
    n1, n0 = trial.sizes
    sigma2 = (trial.pooled[0, 0] + trial.pooled[1, 1]) / (2 * trial.n - 4)
    se = math.sqrt(sigma2 * 2 * (1 / n1 + 1 / n0))
    fit = harness.lmer(MIXED, trial.frame)
    got = row(fit.summary())
    yield Claim("singular", float(fit.singular), 1.0)
    yield Claim("theta", float(fit.theta[0]), 0.0, 1.0)
    yield Claim("B", got["estimate"], trial.apart("post") - trial.apart("pre"), se)
    yield Claim("SE", got["std_error"], se)
    yield Claim("df", got["df"], 2.0 * trial.n - 4.0)
    paired = abs(got["estimate"] / stats.ttest_ind(*trial.change).statistic)
    yield Claim("SE below the t test's", float(got["std_error"] < paired), 1.0)


def normal_interval(trial: Trial) -> Iterator[Claim]:
    """8: a normal interval is shorter than that by t on n - 2, by the ratio of the quantiles."""
    fit = harness.lmer(MIXED, trial.frame)
    z, t = (row(fit.summary(df=df)) for df in ("z", "satterthwaite"))
    ratio = (z["conf_high"] - z["conf_low"]) / (t["conf_high"] - t["conf_low"])
    yield Claim("ratio", ratio, stats.norm.ppf(0.975) / stats.t.ppf(0.975, trial.n - 2))


def hedges(trial: Trial) -> Iterator[Claim]:
    """9: the factor against small-sample bias, 1 - 3 / (4 df - 1), at the df of the fit.

    Hedges (1981), J. Educ. Stat. 6, 107-128: it is ``gamma(m/2) / (sqrt(m/2) gamma((m-1)/2))``.
    """
    m = float(row(harness.lmer(MIXED, trial.frame).summary())["df"])
    half = (trial.n - 2) / 2
    exact = math.exp(gammaln(half) - gammaln(half - 0.5)) / math.sqrt(half)
    # By their expansions in 1 / m they differ by 1 / (32 m^2).
    yield Claim("factor", 1 - 3 / (4 * m - 1), exact, 1.0, 1 / (16 * m * m))
    yield Claim("factor", 1 - 3 / (4 * m - 1), 1 - 3 / (4 * trial.n - 9))


def codings(trial: Trial, weeks: float = 8.0) -> Iterator[Claim]:
    """The coding of arm, time, moderator and outcome scales B and nothing else of the interaction.

    Of the highest-order interaction t, df and p stay; centring the moderator leaves the three-way
    coefficient and changes the two-way one.

    Args:
        trial: the outcome.
        weeks: between the visits; it is eight that the claims are made for.
    """
    a = (trial.frame["arm"] == "MBSR").to_numpy(dtype=float)
    t = (trial.frame["time"] == "post").to_numpy(dtype=float)
    z, y = trial.frame["z"].to_numpy(), trial.frame["y"].to_numpy()
    plain = row(harness.lmer(MIXED, trial.frame).summary())
    for what, arm, time, outcome, factor in (
        ("0/1", a, t, y, 1.0),
        ("-1/2, 1/2", a - 0.5, t - 0.5, y, 1.0),
        ("arm -1, 1", 2 * a - 1, t, y, 0.5),
        ("time -1, 1", a, 2 * t - 1, y, 0.5),
        ("both -1, 1", 2 * a - 1, 2 * t - 1, y, 0.25),
        ("arms swapped", 1 - a, t, y, -1.0),
        ("weeks", a, weeks * t, y, 1 / 8),
        ("months", a, 2 * t, y, 1 / 2),
        ("log10 for ln", a, t, y / math.log(10), 1 / math.log(10)),
        ("log2 for ln", a, t, y / math.log(2), 1 / math.log(2)),
    ):
        frame = trial.frame.assign(a=arm, t=time, y=outcome)
        got = row(harness.lmer("y ~ a * t + (1 | id)", frame).summary(), "a:t")
        yield from _scaled(what, got, plain, factor)
    frame = trial.frame.assign(a=a, t=t)
    of_z = harness.lmer("y ~ a * t * z + (1 | id)", frame)
    if of_z.singular:
        return
    plain, two_way = (row(of_z.summary(), term) for term in ("a:t:z", "a:t"))
    sd = float(trial.wide["z"].std())
    for what, moderator, factor in (
        ("centred", z - z.mean(), 1.0),
        ("standardised", (z - z.mean()) / sd, sd),
    ):
        other = harness.lmer("y ~ a * t * z + (1 | id)", frame.assign(z=moderator)).summary()
        yield from _scaled(what, row(other, "a:t:z"), plain, factor)
        mean = two_way["estimate"] + plain["estimate"] * z.mean()
        b = row(other, "a:t")["estimate"]
        yield Claim(f"{what}: arm x time", b, mean, two_way["std_error"])
        yield Claim(f"{what}: is another", float(b != two_way["estimate"]), 1.0)


def _scaled(what: str, got: pd.Series, plain: pd.Series, factor: float) -> Iterator[Claim]:
    se = plain["std_error"] * abs(factor)
    yield Claim(f"{what}: B", got["estimate"], factor * plain["estimate"], se, 1e-10)
    yield Claim(f"{what}: |t|", abs(got["statistic"]), abs(plain["statistic"]), 1.0, 1e-10)
    yield Claim(f"{what}: df", got["df"], plain["df"], limit=1e-10)
    yield Claim(f"{what}: p", got["p_value"], plain["p_value"], limit=1e-10)


IDENTITIES: dict[str, Callable[[Trial], Iterator[Claim]]] = {
    "change scores": change_scores,
    "maximum likelihood": maximum_likelihood,
    "unstructured": unstructured,
    "mixed anova": mixed_anova,
    "moderated": moderated,
    "constrained baseline": constrained_baseline,
    "boundary": boundary,
    "normal interval": normal_interval,
    "hedges": hedges,
    "codings": codings,
}


def without(trial: Trial, visit: str) -> Trial:
    """The trial without one visit of its first patient; the wide table is of the others."""
    who = trial.frame["id"].iloc[0]
    lost = (trial.frame["id"] == who) & (trial.frame["time"] == visit)
    return replace(trial, frame=trial.frame[~lost], wide=trial.wide.drop(index=who))


def broken(name: str, trial: Trial) -> Iterator[Claim]:
    """The claims of an identity where what it supposes, or what it states, is not so."""
    if name == "boundary":
        return boundary(trial.reflected)  # pre and post correlate positively
    if name == "constrained baseline":
        return constrained_baseline(without(trial, "pre"))
    if name == "codings":
        return codings(trial, weeks=12.0)
    return IDENTITIES[name](without(trial, "post"))
