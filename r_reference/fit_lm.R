# An ordinary linear model, by R's lm.
#
#   fit_lm(angle ~ recipe * temp, lme4::cake)
#
# t tests on the residual degrees of freedom, whatever df_method says, unless it says z.

fit_lm <- function(formula, data, df_method = "residual", level = 0.95, weights = NULL,
                   offset = NULL, contrasts = list()) {
  with_settings(fitting({
    data <- coded_data(formula, data, weights, offset, contrasts)
    model <- linear_model(formula, data, df_method, weights, offset)
    fit <- model$fit
    tested <- with_log(coef(summary(fit)))
    table <- tested$value
    log <- unique(c(tested$log, model$log))
    df <- if (df_method == "z") Inf else df.residual(fit)
    list(engine = "lm",
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
         vcov = matrix_rows(model_vcov(c(model, mixed = FALSE))))
  }))
}
