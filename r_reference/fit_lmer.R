# A linear mixed model as a reference: fitted by lme4 at an optimum that was checked, every number
# read from one object evaluated exactly there.
#
#   fit_lmer(Reaction ~ Days + (Days | Subject), lme4::sleepstudy)
#
# also_at: further thetas at which to give criterion, sigma, coefficients and their errors.
# df_method: satterthwaite and kenward-roger (lmerTest), residual (rows less coefficients), z.
# besides: what is asked of the same fit besides its numbers, made by besides().

# Largest difference of two tight optimisers' criteria, in deviance units, that is still one optimum.
gap_limit <- 1e-7
# Largest fall of the criterion, in deviance units, that the polished optimum may still leave: at
# 1e-11 each theta is within 4.5e-6 of its own standard error.
decrement_limit <- 1e-11
# lme4's word for a fit with a variance at zero or a correlation at one: a property, not a fault.
boundary_message <- "boundary (singular) fit: see help('isSingular')"
# What speaks of the design, which both sides print and compare column by column, or of an optimiser
# that reached the precision asked for.
harmless <- c("fixed-effect model matrix is rank deficient so dropping", "NLOPT_ROUNDOFF_LIMITED",
              "bobyqa -- a trust region step failed to reduce q")

fit_lmer <- function(formula, data, reml = TRUE, df_method = "satterthwaite", level = 0.95,
                     weights = NULL, offset = NULL, contrasts = list(), also_at = list(),
                     besides = NULL) {
  with_settings(fitting({
    data <- coded_data(formula, data, weights, offset, contrasts)
    model <- mixed_model(formula, data, reml, df_method, weights, offset)
    fit <- model$fit
    optimum <- model$optimum
    final <- with_log(fixed_table(fit, df_method, level))
    whole <- c(model, list(mixed = TRUE, formula = formula, data = data, level = level,
                           weights = weights, offset = offset))
    more <- with_log(answer_besides(whole, besides))
    log <- unique(c(model$log, final$log, more$warnings))
    singular <- lme4::isSingular(fit, tol = singular_tolerance)
    c(list(engine = "lme4",
           formula = deparse1(formula),
           reml = reml,
           df_method = df_method,
           n_obs = nobs(fit),
           groups = group_counts(fit),
           singular = singular,
           converged = optimum$converged,
           messages = I(log),
           fixed = final$value,
           random = random_table(fit),
           fit = fit_statistics(fit, criterion_of(fit)),
           theta = I(unname(lme4::getME(fit, "theta"))),
           min_eigen = min(vapply(lme4::getME(fit, "Tlist"), function(T) min(svd(T)$d), 0)),
           problem = problem_lmer(fit, weights, offset),
           quality = mixed_quality(model, c(final$log, more$warnings)),
           vcov = matrix_rows(model_vcov(c(model, mixed = TRUE)))),
      if (!is.null(model$adjusted)) list(vcov_adjusted = matrix_rows(as.matrix(model$adjusted))),
      more$value,
      list(elsewhere = evaluated_at(formula, data, reml, also_at, weights, offset),
           reported = as_reported(formula, data, reml, df_method, level, weights, offset)))
  }))
}

# The model evaluated at theta, nothing optimised. Never refit(): in lme4 1.1-31 it uses n - 1 where
# n - p belongs in a REML fit.
fit_at <- function(formula, data, theta, reml, df_method, weights = NULL, offset = NULL) {
  fitter <- if (df_method %in% c("satterthwaite", "kenward-roger")) lmerTest::lmer else lme4::lmer
  with_rows(quote(fitter(formula, data, REML = reml, start = unname(theta),
                         control = lme4::lmerControl(optimizer = NULL, calc.derivs = FALSE))),
            weights, offset)
}

fixed_table <- function(fit, df_method, level) {
  table <- switch(df_method,
    satterthwaite = coef(summary(fit, ddf = "Satterthwaite")),
    "kenward-roger" = coef(summary(fit, ddf = "Kenward-Roger")),
    residual = cbind(coef(summary(fit)), df = nobs(fit) - length(lme4::fixef(fit))),
    z = cbind(coef(summary(fit)), df = Inf),
    refuse("unknown df method `", df_method, "`"))
  if (!"df" %in% colnames(table)) stop("lmerTest gave no degrees of freedom by ", df_method)
  test_rows(rownames(table), table[, "Estimate"], table[, "Std. Error"], table[, "df"], level)
}

# Two-sided t tests of zero and Wald-t intervals; normal ones where df is infinite.
test_rows <- function(terms, estimate, std_error, df, level) {
  statistic <- estimate / std_error
  p_value <- 2 * pt(abs(statistic), df, lower.tail = FALSE)
  half <- qt((1 + level) / 2, df) * std_error
  lapply(seq_along(terms), function(i)
    list(term = terms[i], estimate = estimate[[i]], std_error = std_error[[i]], df = df[[i]],
         statistic = statistic[[i]], p_value = p_value[[i]],
         conf_low = estimate[[i]] - half[[i]], conf_high = estimate[[i]] + half[[i]]))
}

# sd(group:term), then cor(group:term,term) by column, for each random term; sigma last.
random_table <- function(fit) {
  blocks <- lme4::VarCorr(fit)
  owners <- group_names(fit)[attr(lme4::getME(fit, "flist"), "assign")]
  rows <- lapply(seq_along(blocks), function(b) {
    names <- colnames(blocks[[b]])
    cor <- attr(blocks[[b]], "correlation")
    pairs <- which(lower.tri(cor), arr.ind = TRUE)
    terms <- c(sprintf("sd(%s:%s)", owners[b], names),
               sprintf("cor(%s:%s,%s)", owners[b], names[pairs[, 2L]], names[pairs[, 1L]]))
    named_estimates(terms, c(unname(attr(blocks[[b]], "stddev")), cor[pairs]))
  })
  c(unlist(rows, recursive = FALSE), named_estimates("sigma", sigma(fit)))
}

named_estimates <- function(terms, values) {
  lapply(seq_along(terms), function(i) list(term = terms[i], estimate = values[[i]]))
}

fit_statistics <- function(fit, criterion) {
  list(criterion = criterion, loglik = as.numeric(logLik(fit)), aic = AIC(fit), bic = BIC(fit))
}

# Why pbkrtest's Kenward-Roger cannot be trusted, if so: it inverts the information of the covariance
# parameters by a pseudo-inverse when an eigenvalue is below 1e-10, which drops what is more than 1e8
# smaller than the largest: with a predictor or an outcome in awkward units, whole parameters. No
# warning says so, but W has lost rank.
kenward_roger_trouble <- function(fit, df_method, adjusted) {
  if (df_method != "kenward-roger") return(character())
  if (any(weights(fit) != 1))
    return("pbkrtest takes every residual variance for sigma^2: wrong with prior weights")
  if (is.null(adjusted)) return("pbkrtest cannot invert the information of the covariance parameters")
  spread <- range(abs(eigen(attr(adjusted, "W"), symmetric = TRUE, only.values = TRUE)$values))
  if (attr(adjusted, "condi") > 1e-10 || spread[1L] > 1e-9 * spread[2L]) return(character())
  "pbkrtest dropped a covariance parameter: give predictors and outcome in units of one size"
}

# Whether the fit may be a reference, and if not, why not.
reference_quality <- function(optimum, log, singular, trouble = character()) {
  reasons <- c(setdiff(log, boundary_message), trouble)
  for (words in harmless) reasons <- reasons[!grepl(words, reasons, fixed = TRUE)]
  if (optimum$gap > gap_limit)
    reasons <- c(reasons, sprintf("%s end %.3g deviance units apart",
                                  paste(optimum$optimizers, collapse = " and "), optimum$gap))
  if (!singular && !isTRUE(optimum$decrement <= decrement_limit))
    reasons <- c(reasons, sprintf("the optimum may be %.3g deviance units lower, more than %.3g",
                                  optimum$decrement, decrement_limit))
  list(clean = length(reasons) == 0L,
       reasons = I(reasons),
       optimizers = I(optimum$optimizers),
       criterion_gap = optimum$gap,
       polish_steps = optimum$steps,
       gradient_norm = if (singular) NaN else optimum$gradient,
       evaluations = optimum$evaluations)
}
