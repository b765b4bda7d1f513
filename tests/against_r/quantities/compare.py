"""One quantity of one model, the port beside R: which answers, by what limit, how far apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import port_answers
from models import MODELS, Model
from quantities import QUANTITIES
from r_answers import R
from rules import in_the_responses_unit, limit_of, satterthwaite

Vector = npt.NDArray[np.float64]
TIERS = ("at", "own")

LONE_ROW = 1e-12
"""Rule `lone-row`: a row that alone determines its fit has leverage 1 and no Cook's distance. R
divides rounding by rounding there and says 0 for one such row and 3.9 for the next; ours are
missing."""


@dataclass(frozen=True)
class Difference:
    """How far apart the two sides are, in the quantity's unit, and how far they may be."""

    tier: str
    value: float
    limit: float
    rule: str


def quantities_of(name: str) -> list[str]:
    """The quantities that are compared for a model, without fitting it."""
    model = MODELS[name]
    return [quantity for quantity in QUANTITIES if _applies(model, quantity)]


def _applies(model: Model, quantity: str) -> bool:
    kind, *rest = quantity.split("_")
    if "kr" in (kind, *rest) and not model.reml:
        return False
    if satterthwaite(quantity) and model.boundary:
        if not model.interior:
            return False
        if "|" not in model.interior:
            return quantity in ("sw_df", "sw_p")
    if kind in ("anova", "hypothesis"):
        return not model.formula.split(" ~ ")[1].startswith("1 +")
    if kind == "lrt":
        return bool(model.drop)
    if quantity in ("dfbeta", "cooks_group"):
        return bool(model.groups)
    if kind == "trend":
        return bool(model.number)
    if quantity.endswith("tukey"):
        return bool(model.factor)
    if kind in ("means", "contrast", "joint"):
        return bool(model.factor or model.number)
    return True


def compared(r: R, name: str, quantity: str) -> list[Difference]:
    """The differences of a quantity, one a tier."""
    found = []
    for tier in TIERS:
        limit, rule = limit_of(name, quantity, tier)
        if limit is None or not asked_at(name, quantity, tier):
            continue
        if quantity == "theta":
            value = _deviances(r, name)
        else:
            ours = port_answers.answer(name)
            theirs = reference(r, name, quantity, tier)
            value = QUANTITIES[quantity].difference(
                ours.values[quantity], theirs, ours.unit[quantity]
            )
        found.append(Difference(tier, value, limit, rule))
    return found


def asked_at(name: str, quantity: str, tier: str) -> bool:
    """The model without what is zero has an optimum of its own, and nothing at the port's theta."""
    return not (MODELS[name].boundary and satterthwaite(quantity) and tier == "at")


def reference(r: R, name: str, quantity: str, tier: str) -> Vector:
    """R's answer: of the model itself, of its twin, or of the model inside the boundary."""
    model = MODELS[name]
    if quantity == "cooks_row":
        said = r.answer(name)[tier]
        return np.where(said["leverage"] > 1.0 - LONE_ROW, np.nan, said[quantity])
    if quantity in ("dfbeta", "cooks_group"):
        return _what_all_determine(name, r.answer(name)[tier][quantity], quantity)
    if not satterthwaite(quantity):
        return r.answer(name)[tier][quantity]
    if model.boundary:
        return r.answer(name)["interior"][quantity]
    if model.twin:
        unit = model.unit if in_the_responses_unit(quantity) else 1.0
        return unit * r.answer(model.twin)[tier][quantity]
    return r.answer(name)[tier][quantity]


def _what_all_determine(name: str, theirs: Vector, quantity: str) -> Vector:
    """Rule `collinear-rest`: lme4 drops the last column that the rows left do not determine.

    Which of the others then have another meaning it does not say; the port's are missing. R's are
    taken as missing where the port's are, if there R dropped a column.
    """
    ours = port_answers.answer(name).values[quantity]
    if quantity == "dfbeta":
        p = len(port_answers.fitted(name).names)
        dropped = np.isnan(theirs.reshape(-1, p)).any(axis=1).repeat(p)
    else:
        dropped = np.isnan(theirs)
    return np.where(dropped & np.isnan(ours), np.nan, theirs)


def _deviances(r: R, name: str) -> float:
    """How much lower either criterion is at its own optimum than at the other's: the larger."""
    said = r.answer(name)
    by_r = said["at"]["criterion"][0] - said["own"]["criterion"][0]
    by_port = port_answers.criterion_at(name, said["theta"]["theta"])
    return max(abs(float(by_r)), abs(by_port - port_answers.fitted(name).criterion))
