# An ordinary linear model, by R's lm.
#
#   fit_lm(angle ~ recipe * temp, lme4::cake)
#
# t tests on the residual degrees of freedom, whatever df_method says, unless it says z. besides: as for
# fit_lmer().

fit_lm <- function(formula, data, df_method = "residual", level = 0.95, weights = NULL,
                   offset = NULL, contrasts = list(), besides = NULL) {
  with_settings(fitting({
    data <- coded_data(formula, data, weights, offset, contrasts)
    model <- linear_model(formula, data, df_method, weights, offset)
    fit <- model$fit
    tested <- with_log(coef(summary(fit)))
    table <- tested$value
    whole <- c(model, list(mixed = FALSE, formula = formula, data = data, level = level,
                           weights = weights, offset = offset))
    more <- with_log(answer_besides(whole, besides))
    log <- unique(c(tested$log, model$log, more$warnings))
    df <- if (df_method == "z") Inf else df.residual(fit)
    c(list(engine = "lm",
           formula = deparse1(formula),
           reml = FALSE,
           df_method = model$df_method,
           n_obs = nobs(fit),
           groups = empty_object(),
           singular = FALSE,
           converged = TRUE,
           messages = I(log),
           fixed = test_rows(rownames(table), table[, "Estimate"], table[, "Std. Error"],
                             rep(df, nrow(table)), level),
           random = named_estimates("sigma", sigma(fit)),
           fit = fit_statistics(fit, -2 * as.numeric(logLik(fit))),
           theta = I(numeric()),
           min_eigen = NaN,
           problem = problem_lm(fit, weights, offset),
           quality = linear_quality(log),
           vcov = matrix_rows(model_vcov(whole))),
      more$value)
  }))
}
