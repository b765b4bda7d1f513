"""The part of ``reproduce.R`` that repeats an analysis without each patient."""

from __future__ import annotations

from harness.models.spec import ModelSpec
from harness.report.r_text import r_string

LEAVE_ONE_OUT = """
# The fit again without each patient: extremes of the foremost term's coefficients.
leave_one_out <- function(fit, df_method, rows, patient, arm) {
  parts <- terms(fit)
  has <- vapply(seq_along(attr(parts, "order")), function(k) {
    used <- attr(parts, "factors")[, k] > 0
    arm %in% unlist(lapply(as.list(attr(parts, "variables"))[-1][used], all.vars))
  }, NA)
  order <- attr(parts, "order")
  term <- max(which(has & order == max(order[has])))
  X <- model.matrix(fit)
  names <- intersect(colnames(X)[attr(X, "assign") == term], rownames(tests(fit, df_method)))
  ids <- as.character(rows[[patient]])
  patients <- unique(as.character(rows[rownames(model.frame(fit)), patient]))
  found <- lapply(patients, function(one) tryCatch({
    less <- rows[is.na(ids) | ids != one, ]
    other <- suppressMessages(suppressWarnings(update(fit, data = less)))
    table <- tests(other, df_method)
    edge <- is(other, "merMod") && isSingular(other) && df_method == "Satterthwaite"
    p <- if (edge) NA else table[, ncol(table)]
    data.frame(b = table[, 1], p = p, row.names = rownames(table))
  }, error = function(e) data.frame(b = numeric(), p = numeric())))
  told <- do.call(rbind, lapply(names, function(name) {
    has <- vapply(found, function(one) name %in% rownames(one), NA)
    b <- vapply(found[has], function(one) one[name, "b"], 0)
    p <- vapply(found[has], function(one) as.double(one[name, "p"]), 0)
    end <- function(which, called) {
      at <- c(which(p), NA)[1]
      data.frame(
        estimate = b[which(b)],
        std_error = sqrt((length(b) - 1) / length(b) * sum((b - mean(b))^2)),
        p_value = p[at], without = patients[has][which(b)], p_without = patients[has][at],
        row.names = sprintf("leave-one-out(%s), %s", name, called))
    }
    rbind(end(which.min, "lowest"), end(which.max, "highest"))
  }))
  wide("leave-one-out", told)
}
"""


def left_out_in_r(spec: ModelSpec) -> str:
    """The columns, as the last arguments of ``leave_one_out()`` above; empty where not asked."""
    if spec.besides is None or spec.besides.leave_one_out is None:
        return ""
    asked = spec.besides.leave_one_out
    return f"{r_string(asked.patient)}, {r_string(asked.arm)}"
