"""The part of ``reproduce.R`` that puts numbers in the place of values below a limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.data.detection import Detected
from harness.plan.sections.markers import DetectionRule
from harness.report.r_text import r_string

_NUMBERS: dict[DetectionRule, str] = {
    "lod": "limit",
    "lod/2": "limit / 2",
    "lod/sqrt2": "limit / sqrt(2)",
    "drop": "NA",
}


def detection_script(detected: Iterable[Detected]) -> Iterator[str]:
    """R code that replaces each marker in ``data``, after its columns are typed."""
    for one in detected:
        column = f"data[[{r_string(one.column)}]]"
        below = f"data[[{r_string(one.below)}]] == 1" if one.below else "marker < limit"
        yield (
            f"\n# {one.column!a} below its limit of detection; a missing flag leaves no value\n"
            f"marker <- {column}\nlimit <- {one.lod!r}\nbelow <- {below}"
        )
        for name, rule in one.columns.items():
            value = "marker" if rule == "as-is" else f"ifelse(below, {_NUMBERS[rule]}, marker)"
            yield f"data[[{r_string(name)}]] <- {value}"
