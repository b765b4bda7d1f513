"""The part of ``reproduce.R`` that sets outliers aside."""

from __future__ import annotations

from harness.plan.schema import Plan
from harness.plan.sections.markers import Outliers
from harness.report.r_text import r_string

OUTLIERS = """
# Values beyond the fences of their group, missing or moved to the fence.
without_outliers <- function(x, group, rule, limit, drop) {
  for (one in unique(group[!is.na(group)])) {
    rows <- which(group == one)
    known <- x[rows][!is.na(x[rows])]
    if (length(known) < 3) next
    quartiles <- quantile(known, c(0.25, 0.75), names = FALSE)
    ends <- switch(rule,
      z = mean(known) + c(-1, 1) * limit * sd(known),
      iqr = quartiles + c(-1, 1) * limit * diff(quartiles),
      quantile = quantile(known, c(limit, 1 - limit), names = FALSE))
    kept <- pmin(pmax(x[rows], ends[1]), ends[2])
    x[rows] <- if (drop) ifelse(kept == x[rows], kept, NA) else kept
  }
  x
}
"""


def outliers_in_r(plan: Plan, name: str, entry: Outliers) -> str:
    """The line of R that makes the column of an entry of ``outliers:``."""
    of = f"data[[{r_string(entry.of)}]]"
    group = f"data[[{r_string(plan.data.time.column)}]]"
    if entry.per == "all":
        group = "rep(1, nrow(data))"
    drop = "TRUE" if entry.drops else "FALSE"
    arguments = f"{of}, {group}, {r_string(entry.rule)}, {entry.limit!r}, {drop}"
    return f"data[[{r_string(name)}]] <- without_outliers({arguments})"
