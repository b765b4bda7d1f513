"""The part of ``reproduce.R`` that prints tests of hypotheses on coefficients."""

from __future__ import annotations

from harness.models.spec import ModelSpec
from harness.report.r_text import r_string

HYPOTHESES = """
# Of the fit: each hypothesis of `asked`, a sum of coefficients by t, several together by F.
hypotheses <- function(fit, df_method, asked) {
  mixed <- is(fit, "merMod")
  beta <- if (mixed) fixef(fit) else coef(fit)[!is.na(coef(fit))]
  V <- as.matrix(vcov(fit))[names(beta), names(beta), drop = FALSE]
  for (name in names(asked)) {
    one <- asked[[name]]
    L <- matrix(0, length(one$rows), length(beta), dimnames = list(NULL, names(beta)))
    for (i in seq_along(one$rows)) L[i, names(one$rows[[i]])] <- one$rows[[i]]
    by <- df_method %in% c("Satterthwaite", "Kenward-Roger")
    value <- L %*% beta - one$equals
    f_value <- sum(value * solve(L %*% V %*% t(L), value)) / nrow(L)
    df <- if (df_method == "z") Inf else nobs(fit) - length(beta)
    cat("\\n--", name, "\\n")
    if (nrow(L) > 1) {
      test <- if (by) contestMD(fit, L, rhs = one$equals, ddf = df_method)
      found <- if (by) unlist(test[c("NumDF", "DenDF", "F value")]) else c(nrow(L), df, f_value)
      p_value <- pf(found[3], found[1], found[2], lower.tail = FALSE)
      print(setNames(c(found, p_value), c("num_df", "den_df", "f_value", "p_value")))
      next
    }
    test <- if (by) contest1D(fit, drop(L), rhs = one$equals, ddf = df_method)
    found <- if (by) unlist(test[c("Estimate", "Std. Error", "df")])
             else c(sum(L * beta), sqrt(drop(L %*% V %*% t(L))), df)
    statistic <- (found[1] - one$equals) / found[2]
    print(setNames(c(found, statistic, 2 * pt(-abs(statistic), found[3])),
                   c("estimate", "std_error", "df", "statistic", "p_value")))
  }
}
"""


def hypotheses_in_r(spec: ModelSpec) -> str:
    """A model's hypotheses as the R list that ``hypotheses()`` above reads; empty for none."""
    if spec.besides is None or not spec.besides.hypotheses:
        return ""
    listed = []
    for one in spec.besides.hypotheses:
        rows = [
            f"c({', '.join(f'{r_string(name)} = {factor!r}' for name, factor in row)})"
            for row in one.rows
        ]
        equals = ", ".join(repr(value) for value in one.equals)
        listed.append(
            f"{r_string(one.term)} = list(rows = list({', '.join(rows)}), equals = c({equals}))"
        )
    return "list(" + ",\n  ".join(listed) + ")"
