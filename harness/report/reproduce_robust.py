"""The part of ``reproduce.R`` that prints robust tests of the coefficients."""

from __future__ import annotations

from harness.models.spec import ModelSpec
from harness.report.r_text import r_string

ROBUST = """
# Of the fit: tests of its coefficients by HC3, or by CR2, which has its own degrees of freedom.
robust <- function(fit, df_method, rows, kind, cluster = NULL) {
  if (kind == "HC3") {
    errors <- sqrt(diag(sandwich::vcovHC(fit, type = "HC3")))
    df <- rep(if (df_method == "z") Inf else df.residual(fit), length(errors))
  } else {
    rows <- rows[rownames(model.frame(fit)), ]
    by <- as.character(rows[[cluster]])
    # Of a linear model with prior weights the working variances are their inverses.
    weighted <- list(inverse_var = TRUE)[!is(fit, "merMod") && !is.null(weights(fit))]
    V <- do.call(clubSandwich::vcovCR, c(list(fit, cluster = by, type = "CR2"), weighted))
    table <- clubSandwich::coef_test(fit, vcov = V, test = "Satterthwaite")
    errors <- table$SE
    df <- table$df_Satt
  }
  estimate <- if (is(fit, "merMod")) fixef(fit) else coef(fit)[!is.na(coef(fit))]
  half <- qt(0.975, df) * errors
  wide(kind, data.frame(
    estimate, std_error = errors, df, statistic = estimate / errors,
    p_value = 2 * pt(-abs(estimate / errors), df), conf_low = estimate - half,
    conf_high = estimate + half, row.names = sprintf("%s(%s)", kind, names(estimate))))
}
"""


def robust_in_r(spec: ModelSpec) -> str:
    """Which errors, as the last arguments of ``robust()`` above; empty where none are asked for."""
    besides = spec.besides
    if besides is None or besides.robust is None:
        return ""
    kind, cluster = besides.robust.kind, besides.robust.cluster
    return r_string(kind) + (f", {r_string(cluster)}" if cluster else "")
