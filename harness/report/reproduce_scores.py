"""The part of ``reproduce.R`` that scores questionnaires whose scores the data file lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.data.scores import Scored
from harness.report.r_text import r_string
from harness.scoring.score import least_answers

_SCORE = """
# A sum of answers, prorated to all items where at least so many are there.
score <- function(columns, turn, reversed, least, divisor, zero = FALSE) {
  x <- as.matrix(data[columns])
  for (item in reversed) x[, item] <- turn[item] - x[, item]
  answered <- rowSums(!is.na(x))
  total <- rowSums(x, na.rm = TRUE) * ncol(x)
  ifelse(answered >= least, total / ((if (zero) ncol(x) else answered) * divisor), NA)
}
"""


def scores_script(scored: Iterable[Scored]) -> Iterator[str]:
    """R code that adds the scores to ``data``, after its columns are typed; none for no score."""
    lacking = [one for one in scored if one.added]
    if lacking:
        yield _SCORE
    for one in lacking:
        yield f"\n# {one.instrument}\nscores <- list()"
        yield from _parts(one)
        for name in one.added:
            yield f"data[[{r_string(one.columns[name])}]] <- scores[[{r_string(name)}]]"


def _parts(one: Scored) -> Iterator[str]:
    form = one.form
    names = [f"scores[[{r_string(part.name)}]]" for part in form.parts]
    for part, name in zip(form.parts, names, strict=True):
        turned = () if one.recoded else set(form.reversed)
        arguments = [
            f"c({', '.join(r_string(one.items[item - 1]) for item in part.items)})",
            f"c({', '.join(str(sum(form.ranges[item - 1])) for item in part.items)})",
            f"c({', '.join(str(k) for k, item in enumerate(part.items, 1) if item in turned)})",
            f"least = {least_answers(part.size, one.rule)}",
            f"divisor = {part.divisor}",
            *(["zero = TRUE"] if one.rule == "zero" else []),
        ]
        yield f"{name} <- score({', '.join(arguments)})"
    if form.total:
        yield f'scores[["total"]] <- {" + ".join(names)}'
    if form.case:
        boxes = [
            " & ".join(
                f"scores[[{r_string(part)}]] >= {low} & scores[[{r_string(part)}]] <= {high}"
                for part, low, high in box
            )
            for box in form.case
        ]
        inside = " | ".join(f"({box})" for box in boxes)
        known = " + ".join(names)
        yield f'scores[["case"]] <- ifelse(is.na({known}), NA, as.numeric({inside}))'
