"""The part of ``reproduce.R`` that fits models with a covariance by visit."""

from __future__ import annotations

from harness.engines.r.scripts import scripts_folder
from harness.models.spec import ModelSpec
from harness.report.r_text import r_string

_BY_VISIT = """
# lm's fit of the same rows with the coefficients of gls, so that emmeans reads the design from it.
by_visit <- function(formula, data, subject, visit, covariance, REML, df_method) {
  data[[all.vars(formula[[2]])[1]]][!complete.cases(data[c(subject, visit)])] <- NA
  fit <- lm(formula, data)
  rows <- data[rownames(model.frame(fit)), ]
  sums <- repeated_sums(fit, rows[[subject]], rows[[visit]], visit)
  found <- suppressMessages(gls_optimum(.y ~ 0 + .X, sums$work, covariance, REML))$fit
  Sigma <- unname(gls_covariance(found, length(sums$visits), NULL))
  fit$coefficients[!is.na(fit$coefficients)] <- coef(found)
  n <- nrow(sums$X)
  df <- switch(df_method, z = function(l) Inf, residual = function(l) n - ncol(sums$X), {
    freedom <- covariance_information(sums, covariance, Sigma, REML)
    function(l) satterthwaite_df(sums, freedom, l)
  })
  names <- colnames(sums$X)
  V <- solve(sums$R) %*% basis_vcov(sums, Sigma) %*% t(solve(sums$R))
  fit$by_visit <- list(
    V = structure(V, dimnames = list(names, names)), df = df, Sigma = Sigma, visit = sums$visit,
    names = paste0(visit, "=", sums$visits), subject = subject, REML = REML,
    criterion = repeated_deviance(sums, Sigma, REML))
  class(fit) <- c("by_visit", class(fit))
  fit
}
show_by_visit <- function(name, fit) {
  cat("\\n==", name, "\\n")
  one <- fit$by_visit
  beta <- coef(fit)[colnames(one$V)]
  error <- sqrt(diag(one$V))
  df <- apply(diag(length(beta)), 1, one$df)
  print(cbind(Estimate = beta, "Std. Error" = error, df = df, "t value" = beta / error,
              "Pr(>|t|)" = 2 * pt(-abs(beta / error), df)))
  sd <- sqrt(diag(one$Sigma))
  for (i in seq_along(sd)) cat(sprintf("sd(%s:%s) %.10g\\n", one$subject, one$names[i], sd[i]))
  for (j in seq_along(sd)) for (i in seq_along(sd)) if (i > j)
    cat(sprintf("cor(%s:%s,%s) %.10g\\n", one$subject, one$names[j], one$names[i],
                one$Sigma[i, j] / (sd[i] * sd[j])))
  cat(if (one$REML) "REML criterion:" else "-2 log-likelihood:",
      format(one$criterion, digits = 12), "\\n")
}
marginal <- function(fit, ...) {
  if (!inherits(fit, "by_visit")) return(emmeans::emmeans(fit, ...))
  means <- emmeans::emmeans(fit, ..., vcov. = fit$by_visit$V)
  means@dffun <- function(k, dfargs) dfargs$df(k)
  means@dfargs <- list(df = fit$by_visit$df)
  means
}
# Type III: factors coded to sum to zero, in the rows that lmerTest would take.
tests_by_visit <- function(fit, df_method) {
  one <- fit$by_visit
  beta <- coef(fit)
  coded <- function(how) {
    factors <- names(attr(model.matrix(fit), "contrasts"))
    how <- sapply(factors, function(one) how, simplify = FALSE)
    model.matrix(terms(fit), model.frame(fit), contrasts.arg = how)
  }
  sums <- coded("contr.sum")
  plain <- coded("contr.treatment")
  X <- model.matrix(fit)
  labels <- attr(terms(fit), "term.labels")
  tested <- sapply(seq_along(labels), function(k) {
    L <- qr.solve(sums, X)[attr(sums, "assign") == k, , drop = FALSE]
    L <- solve((L %*% solve(qr.solve(plain, X)))[, attr(plain, "assign") == k, drop = FALSE], L)
    if (length(labels) == 1) {
      factor <- chol(crossprod(X))
      L <- (factor / diag(factor))[attr(X, "assign") == 1, , drop = FALSE]
    }
    V <- L %*% one$V %*% t(L)
    value <- L %*% beta
    df <- apply(t(eigen((V + t(V)) / 2)$vectors) %*% L, 1, one$df)
    share <- sum(df / (df - 2))
    same <- all(df == df[1]) || diff(range(df)) < 1e-8
    den_df <- if (same) df[1] else 2 * share / (share - nrow(L))
    f_value <- sum(value * solve(V, value)) / nrow(L)
    c(num_df = nrow(L), den_df = den_df, f_value = f_value,
      p_value = pf(f_value, nrow(L), den_df, lower.tail = FALSE))
  })
  structure(as.data.frame(t(tested)), row.names = sprintf("anova(%s)", labels))
}
"""

_NEEDS = """
# Models with a covariance by visit: nlme's gls, two optimisers restarted until they settle, and
# Satterthwaite's degrees of freedom, which nlme has not.
refuse <- function(...) stop(..., call. = FALSE)
step_of <- function(h) list(d = h, eps = h, zero.tol = Inf)
"""


def by_visit_functions() -> str:
    """What the script needs for models by visit: the reference's own functions, and their use."""
    folder = scripts_folder()
    scripts = [(folder / name).read_text(encoding="utf-8") for name in ("fit_gls.R", "repeated.R")]
    return "\n".join((_NEEDS, *scripts, _BY_VISIT))


def fitted_by_visit(spec: ModelSpec, data: str) -> str:
    """The call that fits a model by visit."""
    repeated = spec.repeated
    if repeated is None:
        raise ValueError(f"{spec.formula.text} has no covariance by visit")
    parts = (repeated.subject, repeated.visit, repeated.covariance)
    return (
        f"by_visit({spec.formula.text}, {data}, {', '.join(map(r_string, parts))}, "
        f"{'TRUE' if spec.reml else 'FALSE'}, {r_string(spec.df_method)})"
    )
