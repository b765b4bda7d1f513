"""The part of ``reproduce.R`` that selects the rows of sets of patients."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.language import Node, parse_expression
from harness.plan.schema import DataSource
from harness.plan.sections.patients import PatientSet
from harness.report.r_text import r_string

_PATIENTS = """
# Patients with a value of a column at each of some times, or at any of them.
times <- c({times})
observed <- function(column, times, how) {{
  at <- function(time) {{
    rows <- !is.na(data[[column]]) & data[[{time}]] %in% time & !is.na(data[[{id}]])
    unique(as.character(data[[{id}]][rows]))
  }}
  Reduce(how, lapply(times, at))
}}
of_patients <- function(...) data[[{id}]] %in% Reduce(intersect, list(...))
"""


def patients_script(data: DataSource, numeric_time: bool) -> str:
    """R code that sets of patients need, once ``data`` has all its columns.

    Args:
        data: the columns of patient and time.
        numeric_time: whether time is a number in the data; its levels are numbers then.
    """
    levels = (repr(float(x)) if numeric_time else r_string(x) for x in data.time.levels)
    return _PATIENTS.format(
        times=", ".join(levels), time=r_string(data.time.column), id=r_string(data.id)
    )


def patient_rows(rule: PatientSet, data: DataSource, in_r: Callable[[Node], str]) -> str:
    """R code of the rows of a set of patients.

    Args:
        rule: the set.
        data: the columns of patient and time.
        in_r: spells an expression in R.
    """
    return f"which(of_patients({', '.join(_parts(rule, data, in_r))}))"


def _parts(rule: PatientSet, data: DataSource, in_r: Callable[[Node], str]) -> Iterator[str]:
    for column in rule.complete:
        yield f"observed({r_string(column)}, times, intersect)"
    for column in rule.observed_after_baseline:
        yield f"observed({r_string(column)}, times[-1], union)"
    if rule.where is not None:
        condition = f"rep_len(with(data, {in_r(parse_expression(rule.where))}), nrow(data))"
        yield f"as.character(na.omit(data[[{r_string(data.id)}]][which({condition})]))"
