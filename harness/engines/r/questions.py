"""What R can be asked of a model besides its fit, as requests that ``r_reference/answer.R`` reads.

R checks every argument and refuses in one line what it does not know; here it is only settled what
of a specification a question takes and which columns it needs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.engines.r.columns import columns_of, plain_columns
from harness.engines.r.request import extras, formula_json
from harness.errors import ModelError
from harness.language.formula import Formula
from harness.models.spec import ModelSpec

_ALL_EXTRAS = ("weights", "offset", "contrasts")


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        spec: what of a specification is sent; ``formulas`` stands for its formula and those of
            the argument ``others``. Empty: the question is not on a model.
        extras: which of weights, offset and contrasts it can take.
        columns: arguments that name columns of the data.
    """

    spec: tuple[str, ...]
    extras: tuple[str, ...] = _ALL_EXTRAS
    columns: tuple[str, ...] = ()


_MODEL = ("formula", "reml", "df_method", "conf_level")

QUESTIONS: Mapping[str, Question] = {
    "intermediates": Question(_MODEL),
    "kenward_roger": Question(_MODEL),
    "emmeans": Question(_MODEL),
    "joint_tests": Question(_MODEL),
    "anova": Question(_MODEL),
    "partial_eta_squared": Question(_MODEL),
    "likelihood_ratio": Question(("formulas",)),
    "random_terms": Question(("formula", "reml")),
    "profile": Question(("formula", "conf_level")),
    "predict": Question(_MODEL),
    "moderation": Question(_MODEL, columns=("per", "moderator")),
    "effect_size": Question(_MODEL, columns=("baseline", "arm", "per")),
    "hedges_g": Question((), columns=("outcome", "arm")),
    "gls": Question(("formula", "reml", "conf_level"), (), ("subject", "visit")),
    "glmmtmb": Question(
        ("formula", "reml", "conf_level"), ("offset", "contrasts"), ("subject", "visit")
    ),
    "imputed": Question(_MODEL, (), ("subject", "visit", "arm", "covariates")),
    "adjust": Question(()),
}
"""The questions of ``r_reference/answer.R`` besides the fits, the criterion and the session."""


def question_request(
    question: str, spec: ModelSpec | None, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """The request for a question. The data go separately.

    Args:
        question: one of ``QUESTIONS``.
        spec: the model; None for a question that is not on one.
        arguments: what the question takes, as ``r_reference/README.md`` lists it. None is left
            out, a frame becomes columns, arrays and tuples lists, NaN a missing value.

    Raises:
        ModelError: an unknown question, a model missing or too many, weights, offset or contrasts
            that the question cannot take, or an argument that has no plain form.
        DataError: a frame among the arguments that R cannot be sent.
    """
    asked = _known(question)
    request: dict[str, Any] = {"question": question}
    if spec is not None and not asked.spec:
        raise ModelError(f"`{question}` is not asked of a model: leave the specification out")
    if spec is None:
        if asked.spec:
            raise ModelError(f"`{question}` is asked of a model: give its specification")
    else:
        request |= _of_spec(question, asked, spec)
    rest = dict(arguments)
    if "formulas" in asked.spec and spec is not None:
        formulas = [spec.formula, *_formulas(rest.pop("others", ()))]
        request["formulas"] = [formula_json(formula) for formula in formulas]
    for name, value in rest.items():
        if value is not None:
            request[name] = _plain(value, name)
    return request


def question_columns(
    question: str, spec: ModelSpec | None, frame: pd.DataFrame | None, arguments: Mapping[str, Any]
) -> tuple[str, ...]:
    """The columns a question needs, each once: the model's, then those that arguments name.

    A moderator may also be a column of X, such as ``center(age)``, which is not one of the data.
    """
    asked = _known(question)
    found = list(spec.columns) if spec is not None else []
    for formula in _formulas(arguments.get("others") or ()):
        found += formula.columns
    for name in asked.columns:
        value = arguments.get(name)
        if name == "moderator" and (frame is None or value not in frame.columns):
            continue
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, Sequence):
            found += [one for one in value if isinstance(one, str)]
    return tuple(dict.fromkeys(found))


def _known(question: str) -> Question:
    if question not in QUESTIONS:
        raise ModelError(f"unknown question `{question}`; one of: {', '.join(QUESTIONS)}")
    return QUESTIONS[question]


def _of_spec(question: str, asked: Question, spec: ModelSpec) -> dict[str, Any]:
    values = {
        "formula": formula_json(spec.formula),
        "reml": spec.reml,
        "df_method": spec.df_method,
        "conf_level": spec.conf_level,
    }
    found: dict[str, Any] = {name: values[name] for name in asked.spec if name in values}
    if "df_method" in found and not spec.mixed and spec.df_method != "z":
        found["df_method"] = "residual"
    for name, value in extras(spec).items():
        if name not in asked.extras:
            raise ModelError(f"`{question}` takes no {name}, which `{spec.formula.text}` has")
        found[name] = value
    return found


def _formulas(others: Sequence[ModelSpec | Formula]) -> Iterator[Formula]:
    for other in others:
        yield other.formula if isinstance(other, ModelSpec) else other


def _plain(value: Any, name: str) -> Any:
    """A value as plain JSON types."""
    if isinstance(value, pd.DataFrame):
        return plain_columns(columns_of(value, [str(column) for column in value.columns]))
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if math.isinf(number):
            raise ModelError(f"`{name}` holds an infinite number")
        return None if math.isnan(number) else number
    if isinstance(value, np.generic):
        return _plain(value.item(), name)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, name) for key, item in value.items()}
    if isinstance(value, (pd.Series, np.ndarray)):
        return [_plain(item, name) for item in value.tolist()]
    if isinstance(value, Sequence):
        return [_plain(item, name) for item in value]
    raise ModelError(f"`{name}` is a {type(value).__name__}, which R cannot be sent")
