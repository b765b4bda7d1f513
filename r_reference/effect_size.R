# Effect sizes: a model's contrasts in standard deviations, Hedges' g of raw data, explained variance.
#
#   model <- reference_model(angle ~ recipe + (1 | replicate), lme4::cake)
#   standardised(model, list("B - A" = c(0, 1, 0)), by_sd = "residual")
#   hedges_g(c(5.1, 4.9, 6.2, 5.8), c(4.0, 4.4, 5.1, 3.9))
#   partial_eta_squared(reference_model(angle ~ recipe * temp, lme4::cake))

sd_names <- c("residual", "total", "baseline", "given")

# d = contrast / sd. Its interval is the contrast's divided by the same sd: the sd is taken as known, as
# Feingold (2013, Psychol. Methods 18, 1-25, "Confidence interval estimation for standardized effect
# sizes in multilevel and latent growth modeling") has it. by_sd says which:
#   residual  the model's sigma
#   total     the root of the mean over rows of the response's variance given the fixed part, random
#             effects and residual (Hedges 2007, J. Educ. Behav. Stat. 32, 341-370, d_T for one
#             random intercept); in a linear model that is sigma
#   baseline  the sd of the column `baseline` within the levels of `arm`, pooled by n - 1, over the
#             first row of each level of `per` (Morris 2008, Organ. Res. Methods 11, 364-386, d_ppc2
#             without its bias correction)
#   given     the number `sd`
standardised <- function(model, contrasts, by_sd, sd = NULL, baseline = NULL, arm = NULL, per = NULL,
                         level = model$level) {
  answer_on(model, {
    if (!by_sd %in% sd_names) refuse("no standard deviation `", by_sd, "`")
    check_coefficients(contrasts)
    used <- unit_sd(model, by_sd, sd, baseline, arm, per)
    list(by_sd = by_sd, sd = used, rows = lapply(names(contrasts), function(name) {
      row <- contrast_row(model, contrasts[[name]], name, level)
      c(list(name = name, estimate = row$estimate / used, conf_low = row$conf_low / used,
             conf_high = row$conf_high / used, sd = used, by_sd = by_sd,
             contrast = row$estimate),
        row[c("std_error", "df", "statistic", "p_value")], list(df_method = model$df_method))
    }))
  })
}

# The standard deviation of that name, or one line that says why there is none.
unit_sd <- function(model, by_sd, sd = NULL, baseline = NULL, arm = NULL, per = NULL) {
  used <- switch(by_sd,
    residual = if (is_repeated(model)) repeated_sd(model, "residual") else sigma(model$fit),
    total = if (is_repeated(model)) repeated_sd(model, "total") else total_sd(model),
    baseline = baseline_sd(model, baseline, arm, per),
    given = sd)
  if (is.null(used) || !is.numeric(used) || length(used) != 1L || !is.finite(used) || used <= 0)
    refuse("the standard deviation is not a positive number")
  used
}

# One contrast of the coefficients with test and interval by the model's df method.
contrast_row <- function(model, weights, name, level) {
  p <- length(model_beta(model))
  if (length(weights) != p)
    refuse("contrast `", name, "` has ", length(weights), " coefficients where the model has ", p)
  pair <- list(rows = diag(p), beta = unname(model_beta(model)))
  test <- pair_test(model, pair)
  test_rows(name, sum(weights * test$beta), sqrt(drop(weights %*% test$V %*% weights)),
            test$df(weights), level)[[1L]]
}

total_sd <- function(model) {
  if (!model$mixed) return(sigma(model$fit))
  fit <- model$fit
  loaded <- (sigma(fit) * lme4::getME(fit, "Lambdat") %*% lme4::getME(fit, "Zt"))^2
  residual <- sigma(fit)^2 / (if (is.null(weights(fit))) 1 else weights(fit))
  sqrt(mean(Matrix::colSums(loaded) + residual))
}

baseline_sd <- function(model, baseline, arm, per) {
  rows <- used_rows(model)
  for (name in c(baseline, arm, per)) if (!name %in% names(rows)) refuse("no column `", name, "`")
  if (is.null(baseline) || is.null(arm)) refuse("the baseline sd needs `baseline` and `arm`")
  if (!is.numeric(rows[[baseline]])) refuse("`", baseline, "` is not a number")
  if (!is.null(per)) rows <- rows[!duplicated(as.character(rows[[per]])), , drop = FALSE]
  rows <- rows[!is.na(rows[[baseline]]) & !is.na(rows[[arm]]), , drop = FALSE]
  groups <- split(rows[[baseline]], as.character(rows[[arm]]))
  freedom <- sum(lengths(groups) - 1)
  if (freedom < 1) refuse("no two rows of one arm to take the baseline sd from")
  sqrt(sum(vapply(groups, function(x) sum((x - mean(x))^2), 0)) / freedom)
}

# Two independent groups. d = (mean x - mean y) / pooled sd; g = J(m) d with the exact
# J(m) = gamma(m/2) / (sqrt(m/2) gamma((m-1)/2)), m = n_x + n_y - 2 (Hedges 1981, J. Educ. Stat. 6,
# 107-128). The interval is exact, by the noncentral t (Steiger & Fouladi 1997; Cumming & Finch 2001,
# Educ. Psychol. Meas. 61), and multiplied by J for g; std_error of g is Hedges & Olkin's (1985)
# large-sample one, J sqrt((n_x + n_y)/(n_x n_y) + d^2 / (2 (n_x + n_y))).
hedges_g <- function(x, y, level = 0.95) {
  with_settings(fitting({
    x <- as.double(x[!is.na(x)])
    y <- as.double(y[!is.na(y)])
    if (min(length(x), length(y)) < 2L) refuse("each group needs two values or more")
    if (!all(is.finite(c(x, y)))) refuse("a value is not finite")
    m <- length(x) + length(y) - 2
    pooled <- sqrt((sum((x - mean(x))^2) + sum((y - mean(y))^2)) / m)
    if (pooled <= 0) refuse("the values do not vary")
    d <- (mean(x) - mean(y)) / pooled
    harmonic <- sqrt(1 / length(x) + 1 / length(y))
    J <- sqrt(2 * pi / m) / beta((m - 1) / 2, 1 / 2)  # a difference of lgamma() loses digits as m grows
    limits <- noncentral_t_limits(d / harmonic, m, level) * harmonic
    list(d = d, g = J * d, correction = J, sd = pooled, df = m, n = I(c(length(x), length(y))),
         statistic = d / harmonic, p_value = 2 * pt(-abs(d / harmonic), m),
         d_low = limits[1L], d_high = limits[2L], conf_low = J * limits[1L], conf_high = J * limits[2L],
         std_error = J * sqrt(harmonic^2 + d^2 / (2 * (m + 2))))
  }))
}

# The noncentralities at which t is the upper and the lower quantile. pt() of a noncentral t is
# accurate to about 1e-12 absolutely, and to |ncp| 37.6.
noncentral_t_limits <- function(t, df, level) {
  tail <- (1 - level) / 2
  solve_for <- function(p) {
    # Far from the root pt() warns of its last digits.
    f <- function(ncp) suppressWarnings(pt(t, df, ncp)) - p
    around <- t + c(-1, 1) * (5 + abs(t))
    around <- pmin(pmax(around, -37.6), 37.6)
    if (f(around[1L]) * f(around[2L]) > 0) refuse("the effect is too large for R's noncentral t")
    uniroot(f, around, tol = 1e-13, maxiter = 500L)$root
  }
  c(solve_for(1 - tail), solve_for(tail))
}

# Of a linear model's terms: the share of the variance not explained by others that a term explains,
# SS / (SS + RSS) = F num_df / (F num_df + den_df), omega squared (Hays 1963) less biased, and the
# interval of the former by the noncentral F (Steiger 2004, Psychol. Methods 9, 164-182) at 90 % for a
# test at 5 %. A mixed model has several variances, and no such share that all would agree on.
partial_eta_squared <- function(model, type = 3L, level = 0.90) {
  if (model$mixed) refuse("partial eta squared is defined for linear models only")
  found <- term_tests(model, type)
  found$rows <- lapply(found$rows, function(row) {
    eta <- row$f_value * row$num_df / (row$f_value * row$num_df + row$den_df)
    n <- row$num_df + row$den_df + 1
    limits <- noncentral_f_limits(row$f_value, row$num_df, row$den_df, level)
    c(row[c("term", "num_df", "den_df", "f_value", "p_value")],
      list(estimate = eta,
           omega_squared = row$num_df * (row$f_value - 1) / (row$num_df * (row$f_value - 1) + nobs(model$fit)),
           conf_low = limits[1L] / (limits[1L] + n), conf_high = limits[2L] / (limits[2L] + n),
           note = row$note))
  })
  found
}

# Noncentralities of F, zero where even a central F is that small.
noncentral_f_limits <- function(f_value, num_df, den_df, level) {
  if (!is.finite(f_value) || !is.finite(den_df)) return(c(NA_real_, NA_real_))
  tail <- (1 - level) / 2
  vapply(c(1 - tail, tail), function(p) {
    f <- function(ncp) pf(f_value, num_df, den_df, ncp) - p
    if (f(0) <= 0) return(0)
    high <- max(10, 4 * f_value * num_df)
    while (f(high) > 0 && high < 1e6) high <- 2 * high
    uniroot(f, c(0, high), tol = 1e-12, maxiter = 1000L)$root
  }, 0)
}
