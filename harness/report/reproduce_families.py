"""The part of ``reproduce.R`` that adjusts the p values of families by R's ``p.adjust``."""

from __future__ import annotations

from collections.abc import Sequence

from harness.compare.families import Adjusted
from harness.models.spec import ModelKey
from harness.report.r_text import r_string

FUNCTIONS = """
# The p values of tests that are adjusted together, gathered fit by fit and adjusted at the end.
p_values <- c()
gather <- function(fit, df_method, model, terms) {
  table <- tests(fit, df_method)
  found <- structure(table[, 5], names = rownames(table))
  if (any(!terms %in% names(found))) {
    table <- tests_of_terms(fit, df_method)
    found <- structure(table$p_value, names = rownames(table))
  }
  p_values[paste(terms, "in", model)] <<- found[terms]
}
adjusted <- function(family, method, tests) {
  p <- p_values[tests]
  stopifnot(!anyNA(p))
  old <- options(width = 300)
  on.exit(options(old))
  cat("\\n##", family, "\\n")
  print(cbind(p_value = p, p_adjusted = p.adjust(p, method)))
}
"""


def gathered_in_r(key: ModelKey, families: Sequence[Adjusted]) -> list[str]:
    """The terms of a model whose p values are adjusted, as R code; empty where there are none."""
    terms = [
        term for family in families for of, term in family.tests if of == key and _whole(family)
    ]
    return [r_string(term) for term in terms]


def adjusted_in_r(families: Sequence[Adjusted]) -> list[str]:
    """One call for each family that was adjusted by both sides."""
    calls = []
    for family in families:
        if _whole(family):
            names = ",\n  ".join(r_string(f"{term} in {key.place}") for key, term in family.tests)
            method = r_string(family.family.method)
            calls.append(f"adjusted({r_string(family.sentence)}, {method}, c(\n  {names}))")
    return calls


def _whole(family: Adjusted) -> bool:
    return bool(family.r.p_adjusted)
