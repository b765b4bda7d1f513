# Likelihood-ratio tests: of nested models, and of each random term.
#
#   likelihood_ratio(list(Reaction ~ 1 + (Days | Subject), Reaction ~ Days + (Days | Subject)),
#                    lme4::sleepstudy)
#   random_term_tests(Reaction ~ Days + (Days | Subject), lme4::sleepstudy)
#
# Every model is a fresh fit at its own checked optimum. Never refit(), and never anova() or ranova()
# of the object that fit_lmer reads: anova() refits by ML without the options the optimiser was given, and
# update() of an object evaluated at a theta does not optimise at all.

# reml = FALSE compares models by ML; TRUE, models of one fixed part by their REML criteria.
likelihood_ratio <- function(formulas, data, reml = FALSE, weights = NULL, offset = NULL,
                             contrasts = list()) {
  if (length(formulas) < 2L) refuse("a likelihood-ratio test needs two models or more")
  fits <- lapply(formulas, likelihood_fit, data, reml, weights, offset, contrasts)
  with_settings(fitting({
    same_rows(fits, reml)
    fits <- fits[order(vapply(fits, function(one) one$n_par, 0))]
    list(reml = reml, rows = lapply(seq_along(fits), function(k)
      likelihood_row(fits[[k]], if (k > 1L) fits[[k - 1L]])),
      quality = joint_quality(fits))
  }))
}

# One row a reduction of a random term, and first the model as it is (lmerTest's ranova, with
# reduce.terms): of (a + b | g) each effect that no other contains is left out in turn, never the
# intercept beside others; a term with one effect is left out whole. The criterion is kept.
random_term_tests <- function(formula, data, reml = TRUE, weights = NULL, offset = NULL,
                              contrasts = list()) {
  reduced <- reductions(formula)
  whole <- likelihood_fit(formula, data, reml, weights, offset, contrasts)
  fits <- lapply(reduced, function(one)
    likelihood_fit(one$formula, data, reml, weights, offset, contrasts))
  with_settings(fitting({
    same_rows(c(list(whole), fits), reml)
    none <- c(list(term = "<none>"), likelihood_row(whole, NULL))
    rows <- lapply(seq_along(fits), function(k)
      c(list(term = reduced[[k]]$term), likelihood_row(fits[[k]], whole)))
    list(reml = reml, rows = c(list(none), rows), quality = joint_quality(c(list(whole), fits)))
  }))
}

# What a comparison needs of one fit; a model without random terms has lm's likelihood.
likelihood_fit <- function(formula, data, reml, weights, offset, contrasts) {
  mixed <- length(lme4::findbars(formula)) > 0L
  model <- reference_model(formula, data, reml = reml, df_method = "residual", weights = weights,
                           offset = offset, contrasts = contrasts)
  loglik <- logLik(model$fit, REML = reml)
  X <- model_x(model)
  list(formula = deparse1(formula), mixed = mixed, n_obs = nobs(model$fit),
       rows = model_frame_rows(model), y = response_of(model), X = X, n_par = attr(loglik, "df"),
       loglik = as.numeric(loglik), log = model$log,
       theta = if (mixed) unname(lme4::getME(model$fit, "theta")) else numeric(),
       quality = if (mixed) mixed_quality(model) else linear_quality(model$log))
}

response_of <- function(model) {
  as.double(if (model$mixed) lme4::getME(model$fit, "y") else model.response(model.frame(model$fit)))
}

likelihood_row <- function(fit, other) {
  deviance <- -2 * fit$loglik
  chisq <- df <- p <- NA_real_
  if (!is.null(other)) {
    small <- if (other$n_par < fit$n_par) other else fit
    large <- if (other$n_par < fit$n_par) fit else other
    chisq <- 2 * (large$loglik - small$loglik)
    df <- large$n_par - small$n_par
    if (df > 0) p <- pchisq(chisq, df, lower.tail = FALSE)
  }
  list(formula = fit$formula, n_par = as.double(fit$n_par), aic = deviance + 2 * fit$n_par,
       bic = deviance + log(fit$n_obs) * fit$n_par, loglik = fit$loglik, deviance = deviance,
       statistic = chisq, df = as.double(df), p_value = p, theta = I(fit$theta),
       clean = fit$quality$clean,
       note = if (isTRUE(df == 0)) "as many parameters as the model it is compared with: no test"
              else if (isTRUE(chisq < -1e-8)) "the larger model fits worse: they are not nested"
              else "")
}

same_rows <- function(fits, reml) {
  for (fit in fits[-1L]) {
    if (!identical(fit$rows, fits[[1L]]$rows))
      refuse("`", fit$formula, "` uses other rows (", fit$n_obs, ") than `", fits[[1L]]$formula,
             "` (", fits[[1L]]$n_obs, "): omit rows that are incomplete in either")
    if (!identical(fit$y, fits[[1L]]$y))
      refuse("`", fit$formula, "` has another response than `", fits[[1L]]$formula, "`")
    if (reml && !same_space(fit$X, fits[[1L]]$X))
      refuse("REML criteria of different fixed parts are not comparable: compare by ML")
  }
}

same_space <- function(A, B) {
  ncol(A) == ncol(B) && qr(cbind(A, B))$rank == qr(A)$rank
}

# Clean if all are; the reasons say of which model.
joint_quality <- function(fits) {
  reasons <- unlist(lapply(fits, function(fit) {
    if (length(fit$quality$reasons)) paste0("`", fit$formula, "`: ", fit$quality$reasons)
  }))
  list(clean = length(reasons) == 0L, reasons = I(as.character(reasons)),
       criterion_gap = max(vapply(fits, function(fit) fit$quality$criterion_gap, 0)),
       messages = I(unique(unlist(lapply(fits, function(fit) fit$log)))))
}

# The models with one random effect less: term (as lmerTest words it) and formula.
reductions <- function(formula) {
  bars <- lme4::findbars(lme4::expandDoubleVerts(formula))
  if (!length(bars)) refuse("the model has no random terms to test")
  fixed <- lme4::nobars(formula)
  with_bars <- function(bars) {
    whole <- Reduce(function(a, b) call("+", a, b),
                    c(list(fixed[[3L]]), lapply(bars, function(bar) call("(", bar))))
    made <- fixed
    made[[3L]] <- whole
    made
  }
  unlist(lapply(seq_along(bars), function(k) {
    bar <- bars[[k]]
    effects <- terms(structure(eval(call("~", bar[[2L]])), .Environment = environment(formula)))
    single <- length(attr(effects, "term.labels")) + attr(effects, "intercept") <= 1L
    said <- function(what) paste(what, "in", deparse1(call("(", bar)))
    if (single)
      return(list(list(term = deparse1(call("(", bar)), formula = with_bars(bars[-k]))))
    lapply(free_terms(effects), function(drop) {
      bar[[2L]] <- without_term(effects, drop)
      list(term = said(attr(effects, "term.labels")[drop]),
           formula = with_bars(replace(bars, k, list(bar))))
    })
  }), recursive = FALSE)
}

# Terms that are in no other.
free_terms <- function(effects) {
  incidence <- attr(effects, "factors") > 0
  Filter(function(k) !any(vapply(seq_len(ncol(incidence))[-k], function(j)
    all(incidence[incidence[, k], j]), NA)), seq_len(ncol(incidence)))
}

# The effects less one, rebuilt from calls: no text is parsed.
without_term <- function(effects, drop) {
  variables <- as.list(attr(effects, "variables"))[-1L]
  incidence <- attr(effects, "factors") > 0
  kept <- lapply(setdiff(seq_len(ncol(incidence)), drop), function(k)
    Reduce(function(a, b) call(":", a, b), variables[incidence[, k]]))
  Reduce(function(a, b) call("+", a, b), c(list(as.double(attr(effects, "intercept"))), kept))
}
