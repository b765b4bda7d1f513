"""The JSON record of one answer: the contract's keys first and in its order, ours after them."""

from __future__ import annotations

from typing import Any

from harness.estimates.decode import Value
from harness.estimates.table import FIT_QUANTITIES, random_quantity
from harness.models.record import (
    FIXED_QUANTITIES,
    Answer,
    ColumnPrint,
    Estimates,
    FitStatistics,
    FixedEffect,
    NotComputed,
    ProblemPrint,
    RandomEffect,
    ReferenceQuality,
    as_json,
)

_REQUIRED = (
    "engine",
    "formula",
    "reml",
    "df_method",
    "n_obs",
    "groups",
    "singular",
    "converged",
    "messages",
    "fixed",
    "random",
    "fit",
)
_OPTIONAL = ("theta", "min_eigen", "problem", "quality", "versions")
_FIT = ("criterion", "loglik", "aic", "bic")
_REFUSAL = ("engine", "not_computed", "exit_code")


def to_record(answer: Answer) -> dict[str, Any]:
    """An answer as plain JSON types; a refusal is ``{"engine", "not_computed", "exit_code"}``."""
    if isinstance(answer, NotComputed):
        return dict(zip(_REFUSAL, (answer.engine, answer.reason, answer.exit_code), strict=True))
    return {name: as_json(getattr(answer, name)) for name in (*_REQUIRED, *_OPTIONAL)}


def from_record(value: Value) -> Answer:
    """The answer a record holds.

    Raises:
        DataError: naming file and key of the first thing wrong.
    """
    if "not_computed" in value.members():
        refusal = value.fields(_REFUSAL)
        code = refusal["exit_code"].count()
        if not 1 <= code <= 4:
            refusal["exit_code"].refuse("must be between 1 and 4")
        return NotComputed(refusal["engine"].text(), refusal["not_computed"].text(), code)
    got = value.fields(_REQUIRED, _OPTIONAL)
    optional: dict[str, Any] = {}
    if "theta" in got:
        optional["theta"] = tuple(item.number() for item in got["theta"].items())
    if "min_eigen" in got:
        optional["min_eigen"] = got["min_eigen"].number()
    if "problem" in got and not got["problem"].is_null:
        optional["problem"] = _problem(got["problem"])
    if "quality" in got and not got["quality"].is_null:
        optional["quality"] = _quality(got["quality"])
    if "versions" in got:
        optional["versions"] = {k: v.text() for k, v in got["versions"].members().items()}
    return Estimates(
        engine=got["engine"].text(),
        formula=got["formula"].text(),
        reml=got["reml"].boolean(),
        df_method=got["df_method"].text(),
        n_obs=got["n_obs"].count(),
        groups={name: item.count() for name, item in got["groups"].members().items()},
        singular=got["singular"].boolean(),
        converged=got["converged"].boolean(),
        messages=_texts(got["messages"]),
        fixed=_fixed(got["fixed"]),
        random=_random(got["random"]),
        fit=_fit(got["fit"]),
        **optional,
    )


def _texts(value: Value) -> tuple[str, ...]:
    return tuple(item.text() for item in value.items())


def _fixed(value: Value) -> tuple[FixedEffect, ...]:
    found: dict[str, FixedEffect] = {}
    for item in value.items():
        got = item.fields(("term", *FIXED_QUANTITIES))
        term = got["term"].text()
        if term in found:
            got["term"].refuse(f"`{term}` is given twice")
        found[term] = FixedEffect(term, **{name: got[name].number() for name in FIXED_QUANTITIES})
    return tuple(found.values())


def _random(value: Value) -> tuple[RandomEffect, ...]:
    found: dict[str, RandomEffect] = {}
    for item in value.items():
        got = item.fields(("term", "estimate"))
        term = got["term"].text()
        if term in found:
            got["term"].refuse(f"`{term}` is given twice")
        try:
            random_quantity(term)
        except ValueError as error:
            got["term"].refuse(str(error))
        found[term] = RandomEffect(term, got["estimate"].number())
    return tuple(found.values())


def _fit(value: Value) -> FitStatistics:
    got = value.fields(_FIT)
    return FitStatistics(**{name: got[name].number() for name in FIT_QUANTITIES})


def _column(value: Value) -> ColumnPrint:
    got = value.fields(("name", "sha256", "total", "moment"), ("size",))
    size = {"size": got["size"].number()} if "size" in got else {}
    return ColumnPrint(
        got["name"].text(),
        got["sha256"].text(),
        got["total"].number(),
        got["moment"].number(),
        **size,
    )


def _problem(value: Value) -> ProblemPrint:
    got = value.fields(("n_obs", "groups", "levels", "x", "y", "z", "reml"))
    return ProblemPrint(
        n_obs=got["n_obs"].count(),
        groups={name: item.count() for name, item in got["groups"].members().items()},
        levels={name: _texts(item) for name, item in got["levels"].members().items()},
        x=tuple(_column(item) for item in got["x"].items()),
        y=_column(got["y"]),
        z=tuple(_column(item) for item in got["z"].items()),
        reml=got["reml"].boolean(),
    )


def _quality(value: Value) -> ReferenceQuality:
    got = value.fields(
        ("clean",),
        (
            "reasons",
            "optimizers",
            "criterion_gap",
            "polish_steps",
            "gradient_norm",
            "evaluations",
        ),
    )
    optional: dict[str, Any] = {}
    for name in ("reasons", "optimizers"):
        if name in got:
            optional[name] = _texts(got[name])
    for name in ("criterion_gap", "gradient_norm"):
        if name in got:
            optional[name] = got[name].number()
    for name in ("polish_steps", "evaluations"):
        if name in got:
            optional[name] = got[name].count()
    return ReferenceQuality(got["clean"].boolean(), **optional)
