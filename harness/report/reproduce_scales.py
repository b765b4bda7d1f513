"""The lines of ``reproduce.R`` that put an outcome on another scale."""

from __future__ import annotations

from harness.models.scale import Scaled
from harness.report.r_text import r_string


def scaled_in_r(scaled: Scaled, rows: str) -> str:
    """The derived column, made in R of a set's rows.

    Args:
        scaled: the outcome and its scale.
        rows: name of the data frame of the set.
    """
    values = f"{rows}[[{r_string(scaled.outcome)}]]"
    if scaled.scale == "log":
        made = f"log({values})"
    elif scaled.scale == "rank":
        made = f'rank({values}, na.last = "keep")'
    else:
        visits = f"{rows}[[{r_string(scaled.visit)}]]"
        share = repr(scaled.share)
        made = (
            f"ave({values}, {visits}, FUN = function(x) {{\n"
            f"  ends <- quantile(x, c({share}, 1 - {share}), na.rm = TRUE)\n"
            "  pmin(pmax(x, ends[1]), ends[2])\n})"
        )
    return f"{rows}[[{r_string(scaled.column)}]] <- {made}"
