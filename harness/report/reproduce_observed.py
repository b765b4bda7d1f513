"""The part of ``reproduce.R`` that prints numbers of the observed values."""

from __future__ import annotations

from collections.abc import Iterable

from harness.models.besides import Besides, DesignColumn
from harness.models.spec import ModelSpec
from harness.report.r_text import r_string

OBSERVED = """
# Of the observed values: differences of the rows the model used in standard deviations; responders.
observed <- function(fit, every, asked, level = 0.95) {
  used <- every[rownames(model.frame(fit)), ]
  z <- qnorm((1 + level) / 2)
  place <- function(x, one) if (is.numeric(x) && length(one$numbers)) match(x, one$numbers) else
    match(as.character(x), one$levels)
  by_patient <- function(rows, y) {
    who <- match(rows[[asked$patient]], unique(rows[[asked$patient]]))
    time <- place(rows[[asked$time$column]], asked$time)
    values <- matrix(NA_real_, max(who), length(asked$time$levels))
    values[cbind(who, time)[!is.na(time), , drop = FALSE]] <- y[!is.na(time)]
    arm <- place(rows[[asked$arm$column]], asked$arm)[match(seq_len(max(who)), who)]
    function(a) values[which(arm == a), , drop = FALSE]
  }
  printed <- function(what, rows, of) {  # what cannot be computed, for too few values, has no row
    found <- lapply(rows, function(row) tryCatch(of(row), error = function(e) NULL))
    found <- Filter(Negate(is.null), found)
    if (length(found)) wide(what, do.call(rbind, found))
  }
  of_model <- by_patient(used, as.double(model.response(model.frame(fit))))
  printed("d_ppc2", asked$d_ppc2, function(row) {
    both <- lapply(row[2:3], function(a) na.omit(of_model(a)[, c(1, row[1]), drop = FALSE]))
    n <- vapply(both, nrow, 1L)
    df <- sum(n) - 2
    centred <- do.call(rbind, lapply(both, scale, scale = FALSE))
    rho <- sum(centred[, 1] * centred[, 2]) / sqrt(prod(colSums(centred^2)))
    change <- vapply(both, function(x) mean(x[, 2] - x[, 1]), 0)
    correction <- 1 - 3 / (4 * df - 1)
    d <- correction * (change[1] - change[2]) / sqrt(sum(centred[, 1]^2) / df)
    sampling <- 2 * (1 - rho) * sum(1 / n)
    se <- sqrt(correction^2 * df / (df - 2) * (sampling + d^2) - d^2)
    data.frame(smd = d, smd_se = se, smd_low = d - z * se, smd_high = d + z * se, rho = rho,
               n_first = n[1], n_second = n[2])
  })
  printed("hedges_g", asked$hedges_g, function(row) {
    both <- lapply(row[2:3], function(a) c(na.omit(of_model(a)[, row[1]])))
    n <- lengths(both)
    df <- sum(n) - 2
    test <- t.test(both[[1]], both[[2]], var.equal = TRUE)$statistic[[1]]
    to_g <- sqrt(sum(1 / n)) * sqrt(2 * pi / df) / beta((df - 1) / 2, 1 / 2)
    limit <- function(p) uniroot(function(ncp) suppressWarnings(pt(test, df, ncp)) - p,
                                 test + c(-1, 1) * (5 + abs(test)), tol = 1e-12)$root
    data.frame(smd = to_g * test, smd_low = to_g * limit((1 + level) / 2),
               smd_high = to_g * limit((1 - level) / 2), n_first = n[1], n_second = n[2])
  })
  if (!length(asked$responders)) return(invisible())
  of_all <- by_patient(every, as.double(every[[asked$outcome]]))
  count <- function(time, arm) {
    x <- of_all(arm)[, 1]
    y <- of_all(arm)[, time]
    complete <- !is.na(x) & !is.na(y)
    known <- complete & x > 0
    gain <- if (asked$direction == "lower") x - y else y - x
    c(responders = sum(100 * gain[known] >= (asked$percent - 1e-7) * x[known]),
      patients = if (asked$missing == "exclude") sum(known) else length(x),
      incomplete = sum(!complete), not_positive = sum(complete & !known))
  }
  printed("responders", asked$responders, function(row) as.data.frame(t(count(row[1], row[2]))))
  printed("risk differences", asked$risk_differences, function(row) {
    both <- rbind(count(row[1], row[2]), count(row[1], row[3]))
    x <- both[, "responders"]
    n <- both[, "patients"]
    score <- function(i) suppressWarnings(prop.test(x[i], n[i], correct = FALSE)$conf.int)
    d <- x[1] / n[1] - x[2] / n[2]
    ends <- if (asked$interval == "wald") score(1:2) else {
      far <- rbind(score(1), score(2)) - x / n
      d + c(-1, 1) * sqrt(c(far[1, 1]^2 + far[2, 2]^2, far[1, 2]^2 + far[2, 1]^2))
    }
    data.frame(risk_difference = d, rd_low = ends[1], rd_high = ends[2], nnt = 1 / d,
               nnt_low = 1 / ends[2], nnt_high = 1 / ends[1],
               fisher_p = fisher.test(cbind(x, n - x))$p.value)
  })
}
"""


def observed_in_r(spec: ModelSpec) -> str:
    """What is asked of the observed values, as the R list that ``observed()`` above reads.

    Empty where nothing is.
    """
    besides = spec.besides
    if besides is None or besides.observed is None:
        return ""
    observed = besides.observed
    parts = [f"patient = {r_string(observed.patient)}", f"outcome = {r_string(observed.outcome)}"]
    parts += [f"{name} = {_column(getattr(observed, name))}" for name in ("arm", "time")]
    parts += [f"{name} = {_rows(rows)}" for name, rows in _asked(besides)]
    rule = observed.responder
    if rule is not None:
        parts.append(f"percent = {rule.percent!r}")
        named = (("direction", rule.direction or ""), ("missing", rule.missing))
        parts += [f"{name} = {r_string(text)}" for name, text in named]
        parts.append(f"interval = {r_string(rule.interval)}")
    return "list(" + ",\n  ".join(parts) + ")"


def _asked(besides: Besides) -> list[tuple[str, dict[str, tuple[int, ...]]]]:
    """Terms of each table, with positions from 0: time, then arm or arms."""
    observed, pairs = besides.observed, besides.pairs
    if observed is None:
        return []
    found: list[tuple[str, dict[str, tuple[int, ...]]]] = []
    compared = list(observed.comparisons(pairs))
    if "d_ppc2" in besides.parts:
        found.append(("d_ppc2", {observed.d_ppc2_term(t, p): (t, *p) for t, p in compared}))
    if "hedges_g" in besides.parts:
        found.append(("hedges_g", {observed.hedges_g_term(t, p): (t, *p) for t, p in compared}))
    if "responders" in besides.parts:
        arms = observed.compared_arms(pairs)
        times = range(1, len(observed.time.levels))
        by_arm = {observed.responders_term(t, a): (t, a) for t in times for a in arms}
        found.append(("responders", dict(by_arm)))
        risks = {observed.risk_term(t, p): (t, *p) for t, p in compared}
        found.append(("risk_differences", dict(risks)))
    return found


def _column(column: DesignColumn) -> str:
    levels = ", ".join(map(r_string, column.levels))
    numbers = ""
    if column.numbers is not None:
        numbers = f", numbers = c({', '.join(map(repr, column.numbers))})"
    return f"list(column = {r_string(column.column)}, levels = c({levels}){numbers})"


def _rows(rows: dict[str, tuple[int, ...]]) -> str:
    return _block(
        f"{r_string(term)} = c({', '.join(str(place + 1) for place in places)})"
        for term, places in rows.items()
    )


def _block(items: Iterable[str]) -> str:
    inside = ",\n    ".join(items)
    return f"list(\n    {inside})"
