"""The tolerance policy: ``policy.toml`` read, checked and looked up."""

from __future__ import annotations

import math
import sys
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import DataError
from harness.estimates.quantities import PROBLEM_QUANTITIES, QUANTITIES

PROPAGATED = ("statistic", "conf_low", "conf_high", "p_adjusted")
TIERS = ("T0", "T1", "T2", "T3", "T4")
METRICS = ("SE", "relative", "absolute", "deviance", "exact", "ulp", "MCSE")
BOUNDARY_RULES = ("compare", "over sigma", "not comparable", "as df")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """One record of the policy.

    Attributes:
        quantity: as in the diff table.
        tier: which question the record belongs to.
        metric: unit of the difference.
        limit: largest difference that matches; None where it is propagated from other limits.
        reason: why this limit.
        boundary: what holds for a fit on the boundary.
        df_methods: methods the record is for; empty for every method no other record names.
        at_least: smallest magnitude the record holds for.
        below: magnitude from which it no longer holds.
        floor_ulp: spacings of doubles below which the limit never falls.
        observed: largest difference seen that matched, in the metric's unit; NaN if none was looked
            at (``make observe``).
    """

    quantity: str
    tier: str
    metric: str
    limit: float | None
    reason: str
    boundary: str
    df_methods: tuple[str, ...] = ()
    at_least: float = 0.0
    below: float = math.inf
    floor_ulp: float = 0.0
    observed: float = math.nan

    def limit_at(self, magnitude: float) -> float:
        """The limit for numbers of this magnitude, in the metric's unit; 0 if propagated."""
        floor = self.floor_ulp * math.ulp(magnitude) if math.isfinite(magnitude) else 0.0
        return max(self.limit or 0.0, floor)


@dataclass(frozen=True, slots=True)
class Policy:
    """Every tolerance, and the few thresholds that are not tolerances.

    Attributes:
        alpha: level of the decisions.
        column_rounding: T0: relative agreement of columns made by a call.
        min_eigen: singular value of the relative covariance factor below which a fit is boundary.
        over_sigma: limit of SD/sigma (and correlations) on the boundary, absolute.
        flat_consistency: how closely components must follow from theta for the flatness rule.
        drawn_rounding, drawn_df: least Monte-Carlo error, as a share of a number's scale; of df.
        tolerances: the records.
        asked: the records by quantity, tier and df method, as they were asked for.
    """

    alpha: float
    column_rounding: float
    min_eigen: float
    over_sigma: float
    flat_consistency: float
    drawn_rounding: float
    drawn_df: float
    tolerances: tuple[Tolerance, ...]
    asked: dict[tuple[str, str, str], tuple[Tolerance, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def find(
        self, quantity: str, tier: str, *, df_method: str = "", magnitude: float = 0.0
    ) -> Tolerance:
        """The record for a number of this magnitude (the larger of two; NaN counts as 0).

        Raises:
            KeyError: when the policy has none, which `load_policy` rules out for T2.
        """
        # A large table asks a million times, for a few hundred kinds of numbers.
        records = self.asked.get((quantity, tier, df_method))
        if records is None:
            records = self.asked[quantity, tier, df_method] = self._of(quantity, tier, df_method)
        size = 0.0 if math.isnan(magnitude) else min(abs(magnitude), sys.float_info.max)
        for record in records:
            if record.at_least <= size < record.below:
                return record
        raise KeyError(f"no tolerance for {quantity} at tier {tier}")

    def _of(self, quantity: str, tier: str, df_method: str) -> tuple[Tolerance, ...]:
        """The records of a df method where there are any, else those of every method."""
        of = [t for t in self.tolerances if (t.quantity, t.tier) == (quantity, tier)]
        named = [t for t in of if df_method in t.df_methods]
        return tuple(named or (t for t in of if not t.df_methods))


@lru_cache(maxsize=1)
def default_policy() -> Policy:
    """The policy that ships with the package."""
    source = files("harness.compare").joinpath("policy.toml")
    return _policy(tomllib.loads(source.read_text(encoding="utf-8")), "policy.toml")


def load_policy(path: str | Path) -> Policy:
    """Read a policy file.

    Raises:
        DataError: when it cannot be read, a record is malformed or has no reason, or a
            quantity of the contract is not covered for every magnitude and df method.
    """
    try:
        with Path(path).open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is not TOML ({error})") from error
    return _policy(document, str(path))


def _policy(document: dict[str, Any], file: str) -> Policy:
    tables = {"problem": ("rounding",), "boundary": ("min_eigen", "over_sigma")}
    tables["flat"] = ("consistency",)
    tables["drawn"] = ("rounding", "df")
    _keys(document, ("version", "alpha", *tables, "tolerance"), file, "")
    if document["version"] != 1:
        _refuse(file, "version", "must be 1")
    for name, numbers in tables.items():
        _keys(document[name], (*numbers, "reason"), file, f"{name}.")
        _reason(document[name]["reason"], file, f"{name}.reason")
    tolerances = tuple(
        _tolerance(record, file, f"tolerance[{index}]")
        for index, record in enumerate(document["tolerance"])
    )
    _covered(tolerances, file)
    return Policy(
        alpha=_positive(document["alpha"], file, "alpha"),
        column_rounding=_positive(document["problem"]["rounding"], file, "problem.rounding"),
        min_eigen=_positive(document["boundary"]["min_eigen"], file, "boundary.min_eigen"),
        over_sigma=_positive(document["boundary"]["over_sigma"], file, "boundary.over_sigma"),
        flat_consistency=_positive(document["flat"]["consistency"], file, "flat.consistency"),
        drawn_rounding=_positive(document["drawn"]["rounding"], file, "drawn.rounding"),
        drawn_df=_positive(document["drawn"]["df"], file, "drawn.df"),
        tolerances=tolerances,
    )


def _tolerance(record: dict[str, Any], file: str, place: str) -> Tolerance:
    needed = ("quantity", "tier", "metric", "limit", "reason", "boundary")
    optional = ("df_methods", "at_least", "below", "floor_ulp", "observed")
    _keys(record, needed, file, f"{place}.", optional)
    choices = {
        "quantity": QUANTITIES,
        "tier": TIERS,
        "metric": METRICS,
        "boundary": BOUNDARY_RULES,
    }
    for key, allowed in choices.items():
        if record[key] not in allowed:
            _refuse(file, f"{place}.{key}", f"`{record[key]}` is none of {', '.join(allowed)}")
    place = f"{place} ({record['quantity']})"
    _reason(record["reason"], file, f"{place}.reason")
    limit: float | None
    if record["limit"] == "propagated":
        if record["quantity"] not in PROPAGATED:
            _refuse(file, f"{place}.limit", f"only {', '.join(PROPAGATED)} can be propagated")
        limit = None
    elif record["metric"] == "exact":
        limit = _number(record["limit"], file, f"{place}.limit")
        if limit != 0:
            _refuse(file, f"{place}.limit", "must be 0 for the metric `exact`")
    else:
        limit = _positive(record["limit"], file, f"{place}.limit")
    return Tolerance(
        quantity=record["quantity"],
        tier=record["tier"],
        metric=record["metric"],
        limit=limit,
        reason=record["reason"],
        boundary=record["boundary"],
        df_methods=tuple(record.get("df_methods", ())),
        at_least=_number(record.get("at_least", 0.0), file, f"{place}.at_least"),
        below=_number(record.get("below", math.inf), file, f"{place}.below"),
        floor_ulp=_number(record.get("floor_ulp", 0.0), file, f"{place}.floor_ulp"),
        observed=_observed(record, file, f"{place}.observed"),
    )


def _covered(tolerances: tuple[Tolerance, ...], file: str) -> None:
    for quantity in QUANTITIES:
        tier = "T0" if quantity in PROBLEM_QUANTITIES else "T2"
        records = [t for t in tolerances if (t.quantity, t.tier) == (quantity, tier)]
        if not any(not record.df_methods for record in records):
            _refuse(
                file, "tolerance", f"none for {quantity} at {tier} that holds for any df method"
            )
        for methods in {record.df_methods for record in records}:
            spans = sorted((r.at_least, r.below) for r in records if r.df_methods == methods)
            edges = [0.0, *(edge for span in spans for edge in span), math.inf]
            if any(edges[i] != edges[i + 1] for i in range(0, len(edges), 2)):
                _refuse(
                    file,
                    "tolerance",
                    f"the records for {quantity} at {tier} leave gaps or overlap "
                    "between 0 and infinity",
                )


def _keys(
    table: Any, needed: tuple[str, ...], file: str, place: str, optional: tuple[str, ...] = ()
) -> None:
    if not isinstance(table, dict):
        _refuse(file, place.removesuffix("."), "must be a table")
    for key in needed:
        if key not in table:
            _refuse(file, f"{place}{key}", "is missing")
    for key in table:
        if key not in needed and key not in optional:
            _refuse(file, f"{place}{key}", "is not a key of the policy")


def _number(value: Any, file: str, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        _refuse(file, place, "must be a number, zero or more")
    return float(value)


def _observed(record: dict[str, Any], file: str, place: str) -> float:
    return _number(record["observed"], file, place) if "observed" in record else math.nan


def _positive(value: Any, file: str, place: str) -> float:
    number = _number(value, file, place)
    if not 0 < number < math.inf:
        _refuse(file, place, "must be a finite number above zero")
    return number


def _reason(value: Any, file: str, place: str) -> None:
    if not isinstance(value, str) or len(value.split()) < 3:
        _refuse(file, place, "must say why, in words")


def _refuse(file: str, place: str, message: str) -> NoReturn:
    raise DataError(f"{file}: {place}: {message}")
