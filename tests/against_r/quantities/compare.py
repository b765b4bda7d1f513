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
    if "kr" in rest + [kind] and not model.reml:
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
        if limit is None or not _has(name, quantity, tier):
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


def _has(name: str, quantity: str, tier: str) -> bool:
    """The model without what is zero has an optimum of its own, and nothing at the port's theta."""
    return not (MODELS[name].boundary and satterthwaite(quantity) and tier == "at")


def reference(r: R, name: str, quantity: str, tier: str) -> Vector:
    """R's answer: of the model itself, of its twin, or of the model inside the boundary."""
    model = MODELS[name]
    if not satterthwaite(quantity):
        return r.answer(name)[tier][quantity]
    if model.boundary:
        return r.answer(name)["interior"][quantity]
    if model.twin:
        unit = model.unit if in_the_responses_unit(quantity) else 1.0
        return unit * r.answer(model.twin)[tier][quantity]
    return r.answer(name)[tier][quantity]


def _deviances(r: R, name: str) -> float:
    """How much lower either criterion is at its own optimum than at the other's: the larger."""
    said = r.answer(name)
    by_r = said["at"]["criterion"][0] - said["own"]["criterion"][0]
    by_port = port_answers.criterion_at(name, said["theta"]["theta"])
    return max(abs(float(by_r)), abs(by_port - port_answers.fitted(name).criterion))
