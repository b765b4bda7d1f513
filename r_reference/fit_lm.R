# An ordinary linear model, by R's lm.
#
#   fit_lm(angle ~ recipe * temp, lme4::cake)
#
# t tests on the residual degrees of freedom, whatever df_method says, unless it says z.

fit_lm <- function(formula, data, df_method = "residual", level = 0.95, weights = NULL,
                   offset = NULL, contrasts = list()) {
  with_settings(fitting({
    data <- coded_data(formula, data, weights, offset, contrasts)
    logged <- with_log({
      fit <- with_rows(quote(lm(formula, data)), weights, offset)
      list(fit = fit, table = coef(summary(fit)))
    })
    fit <- logged$value$fit
    table <- logged$value$table
    log <- logged$log
    if (anyNA(coef(fit)))
      log <- c(log, paste0("coefficients not estimable and left out: ",
                           paste(names(coef(fit))[is.na(coef(fit))], collapse = ", ")))
    df <- if (df_method == "z") Inf else df.residual(fit)
    list(engine = "lm",
         formula = deparse1(formula),
         reml = FALSE,
         df_method = if (df_method == "z") "z" else "residual",
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
         quality = list(clean = length(log) == 0L, reasons = I(log), optimizers = I("qr"),
                        criterion_gap = 0, polish_steps = 0L, gradient_norm = 0,
                        evaluations = 1L))
  }))
}
