# A linear model of an outcome that is censored from below (Tobin 1958), by survival's survreg.
#
#   teeth <- transform(as.data.frame(nlme::Orthodont), seen = pmax(distance, 21), low = as.numeric(distance < 21))
#   fit_survreg(seen ~ age * Sex, teeth, censored = "low")
#
# `censored` names the column that is 1 where the response is a limit that the value lies below, 0 elsewhere.
# z tests; errors from the observed information in (beta, log sigma). besides: as for fit_lmer().

fit_survreg <- function(formula, data, censored, level = 0.95, contrasts = list(), besides = NULL) {
  with_settings(fitting({
    if (length(lme4::findbars(formula))) refuse("a Tobit model has no random terms here")
    flags <- data[[censored]]
    if (!is.numeric(flags) || !all(flags[!is.na(flags)] %in% 0:1))
      refuse("censored `", censored, "` is not 1 or 0 in each row")
    whole <- formula
    whole[[2L]] <- bquote(survival::Surv(.(formula[[2L]]), .(as.name(censored)) == 0, type = "left"))
    data <- coded_data(whole, data, NULL, NULL, contrasts)
    logged <- with_log(survreg_fit(whole, data))
    fit <- logged$value
    kept <- !is.na(coef(fit))
    log <- logged$log
    if (!all(kept))
      log <- c(log, paste0("coefficients not estimable and left out: ", paste(names(coef(fit))[!kept], collapse = ", ")))
    quality <- tobit_quality(fit, logged$warnings)
    model <- list(fit = fit, reml = FALSE, df_method = "z", log = log, mixed = FALSE, formula = formula, data = data,
                  level = level)
    beta <- model_beta(model)
    V <- model_vcov(model)
    more <- with_log(answer_besides(model, besides))
    loglik <- as.numeric(logLik(fit))
    n <- nrow(fit$y)
    parameters <- length(beta) + 1
    c(list(engine = "survreg",
           formula = deparse1(formula),
           reml = FALSE,
           df_method = "z",
           n_obs = n,
           groups = empty_object(),
           singular = FALSE,
           converged = quality$converged,
           messages = I(unique(c(log, more$warnings))),
           fixed = test_rows(names(beta), beta, sqrt(diag(V)), rep(Inf, length(beta)), level),
           random = named_estimates("sigma", fit$scale),
           fit = list(criterion = -2 * loglik, loglik = loglik, aic = -2 * loglik + 2 * parameters,
                      bic = -2 * loglik + log(n) * parameters),
           theta = I(numeric()),
           min_eigen = NaN,
           problem = problem_survreg(fit, formula, censored),
           quality = quality$quality,
           vcov = matrix_rows(V)),
      more$value)
  }))
}

survreg_steps <- 200L

# survreg stops where the log-likelihood rises by less than a share of 1e-9, from where a coefficient may still
# move in its fifth digit; 1e-14 is one Newton step more. toler.chol: by default a column whose mean is 1e5 of its
# standard deviations passes for a constant. Data without a maximum are refused: survreg would go
# on until it rises no more.
survreg_fit <- function(formula, data) {
  fit <- survival::survreg(formula, data, dist = "gaussian", x = TRUE, y = TRUE, model = TRUE,
                           control = survival::survreg.control(maxiter = survreg_steps, rel.tolerance = 1e-14,
                                                                     toler.chol = 1e-13))
  seen <- fit$y[, 2L] == 1
  if (!any(seen)) refuse("all ", length(seen), " rows are below the limit: nothing tells where the outcome lies")
  # survreg takes what has run away for what others determine, sigma too, or gives it a vast error.
  variance <- diag(fit$var)
  X <- fit$x
  whole <- qr(X)
  X <- X[, sort(whole$pivot[seq_len(whole$rank)]), drop = FALSE]
  rank <- qr(cbind(X, fit$y[, 1L])[seen, , drop = FALSE])$rank
  if (rank <= ncol(X) && !isTRUE(variance[length(variance)] > 0 && fit$scale > 1e-8 * sqrt(mean(fit$y[, 1L]^2))))
    refuse("the ", sum(seen), " rows above the limit are fitted exactly: no variance is left")
  place <- match(colnames(X), names(coef(fit)))
  error <- sqrt(variance[place] * colMeans(X^2)) / fit$scale
  lost <- colnames(X)[is.na(coef(fit)[place]) | !is.finite(error) | error > 1e3]
  if (rank <= ncol(X) && length(lost))
    refuse("no finite estimate of ", paste(lost, collapse = ", "), ": all rows that would tell are below the limit")
  if (anyNA(coef(fit)[place]))
    refuse("survreg cannot tell ", paste(colnames(X)[is.na(coef(fit)[place])], collapse = ", "),
           " from the other columns: centre it")
  fit
}

# The gradient of the log-likelihood by (beta, log sigma), and Newton's decrement in deviance units.
tobit_gradient <- function(fit) {
  kept <- !is.na(coef(fit))
  z <- (fit$y[, 1L] - fit$linear.predictors) / fit$scale
  seen <- fit$y[, 2L] == 1
  ratio <- exp(dnorm(z, log = TRUE) - pnorm(z, log.p = TRUE))
  gradient <- c(colSums(fit$x[, kept, drop = FALSE] * ifelse(seen, z, -ratio)) / fit$scale,
                sum(ifelse(seen, z^2 - 1, -ratio * z)))
  V <- fit$var[c(kept, TRUE), c(kept, TRUE), drop = FALSE]
  list(gradient = gradient, decrement = drop(gradient %*% V %*% gradient))
}

tobit_quality <- function(fit, warnings) {
  end <- tobit_gradient(fit)
  converged <- fit$iter < survreg_steps && end$decrement <= 1e-12
  reasons <- c(warnings, if (!converged)
    sprintf("survreg stopped %.1e deviance units from the maximum after %d steps", end$decrement, fit$iter))
  list(converged = converged,
       quality = list(clean = length(reasons) == 0L, reasons = I(as.character(reasons)),
                      optimizers = I("survreg"), criterion_gap = 0, polish_steps = 0L,
                      gradient_norm = max(abs(end$gradient)), evaluations = as.integer(fit$iter)))
}

problem_survreg <- function(fit, formula, censored) {
  frame <- model.frame(fit)
  offset <- model.offset(frame)
  c(list(n_obs = nrow(fit$y),
         groups = empty_object(),
         levels = level_lists(terms(fit), frame),
         x = design_prints(fit$x[, !is.na(coef(fit)), drop = FALSE]),
         y = column_print(deparse1(formula[[2L]], backtick = TRUE), fit$y[, 1L]),
         z = list(),
         reml = FALSE),
    row_prints(NULL, NULL, NULL, offset, terms(fit)),
    list(censored = column_print(deparse1(as.name(censored), backtick = TRUE), 1 - fit$y[, 2L])))
}
