"""The part of ``reproduce.R`` that imputes: the reference's own scripts, which are plain R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.engines.r.scripts import scripts_folder
from harness.models.spec import ModelSpec
from harness.report.r_text import r_string

SCRIPTS = ("impute.R", "jump_to_reference.R")

_AROUND = """
# Missing outcomes imputed by mice, and models of the completed data pooled. The same seed gives the
# numbers of the run's reference to the last digits, with the same versions of R and mice.
refuse <- function(...) stop(..., call. = FALSE)
test_rows <- function(terms, estimate, std_error, df, level) {
  half <- qt((1 + level) / 2, df) * std_error
  list(list(term = terms, estimate = estimate, std_error = std_error, df = df,
            statistic = estimate / std_error, p_value = 2 * pt(-abs(estimate / std_error), df),
            conf_low = estimate - half, conf_high = estimate + half))
}
imputed <- function(formula, rows, reml, df_method, level, asked) {
  model <- list(formula = formula, data = rows, reml = reml, df_method = df_method, level = level)
  found <- imputed_rows(model, asked)
  table <- do.call(rbind, lapply(found, function(row) as.data.frame(row[numbers_of_rows])))
  rownames(table) <- vapply(found, function(row) row$term, "")
  wide("imputed", table)
}
"""


def imputing_functions() -> str:
    """The functions that :func:`imputed_in_r` calls.

    Raises:
        ReferenceUnavailable: the R scripts are not installed.
    """
    folder = scripts_folder()
    scripts = [(folder / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return "\n".join((_AROUND, *scripts))


def imputed_in_r(spec: ModelSpec, rows: str) -> str:
    """The call that prints a model's pooled coefficients.

    Args:
        spec: asks for imputation.
        rows: name of the rows of its analysis set.
    """
    asked = spec.besides.imputation if spec.besides is not None else None
    if asked is None:
        return ""
    arguments = (
        *(spec.formula.text, rows, "TRUE" if spec.reml else "FALSE", r_string(spec.df_method)),
        *(repr(float(spec.conf_level)), _in_r(asked.as_json())),
    )
    return f"imputed({', '.join(arguments)})"


def _in_r(value: Any) -> str:
    """Plain values as R writes them; a list of texts is a vector."""
    if isinstance(value, Mapping):
        return "list(" + ", ".join(f"{name} = {_in_r(one)}" for name, one in value.items()) + ")"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return r_string(value)
    if isinstance(value, Sequence):
        return "c(" + ", ".join(map(_in_r, value)) + ")" if value else "character()"
    return repr(value)
