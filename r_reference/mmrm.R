# A repeated-measures model as a plan asks for it: nlme's gls at an optimum that was checked, in the
# form every fit is answered in, with Satterthwaite's df, which nlme has not.
#
#   teeth <- transform(as.data.frame(nlme::Orthodont), age = factor(age))
#   fit_mmrm(distance ~ Sex * age, teeth, subject = "Subject", visit = "age", covariance = "un")
#
# gls is given y and X as lm makes them, so that a formula means here what it means there. Its optimum is
# polished by Newton steps on a criterion of our own (repeated.R), and gls is evaluated where they end.
# theta: the lower triangle, by columns, of the Cholesky factor of the covariance by visit, in the outcome's
# unit: every structure has one, and both sides can be evaluated at any. also_at: other such thetas.

mmrm_df_methods <- c("satterthwaite", "residual", "z")

fit_mmrm <- function(formula, data, subject, visit, covariance = "un", reml = TRUE,
                     df_method = "satterthwaite", level = 0.95, contrasts = list(), also_at = list(),
                     besides = NULL) {
  with_settings(fitting({
    model <- repeated_model(formula, data, subject, visit, covariance, reml, df_method, contrasts)
    model$level <- level
    final <- with_log(list(df = vapply(seq_along(model$beta), function(j) df_of(model, unit_row(model, j)), 0)))
    more <- with_log(answer_besides(model, besides))
    log <- unique(c(model$log, final$log, more$warnings))
    c(list(engine = "gls",
           formula = deparse1(formula),
           reml = reml,
           df_method = df_method,
           n_obs = nrow(model$sums$X),
           groups = structure(list(length(unique(model$sums$subject))), names = spelt_name(subject)),
           singular = FALSE,
           converged = TRUE,
           messages = I(log),
           fixed = test_rows(names(model$beta), model$beta, sqrt(diag(model$vcov)), final$value$df, level),
           random = visit_components(model, spelt_name(subject), visit),
           fit = repeated_statistics(model),
           theta = I(theta_of(model$Sigma)),
           min_eigen = NaN,
           problem = problem_mmrm(model, subject, visit),
           quality = repeated_quality(model, c(final$log, more$warnings)),
           vcov = matrix_rows(unname(model$vcov))),
      more$value,
      list(elsewhere = repeated_elsewhere(model, also_at)))
  }))
}

# The model at its optimum. fit is lm's of the same rows with the coefficients of gls: what emmeans and the
# tests of terms read the design from.
repeated_model <- function(formula, data, subject, visit, covariance, reml, df_method, contrasts) {
  if (!covariance %in% gls_covariances) refuse("gls has no covariance `", covariance, "`")
  if (!df_method %in% mmrm_df_methods) refuse("df method `", df_method, "` is not for models by visit")
  for (name in c(subject, visit)) if (!name %in% names(data)) refuse("no column `", name, "`")
  data <- coded_data(formula, data, NULL, NULL, contrasts)
  labelled <- complete.cases(data[c(subject, visit)])
  outcome <- all.vars(formula[[2L]])[1L]
  data[[outcome]][!labelled] <- NA  # such a row is incomplete; functions of other columns still see it
  carrier <- with_log(lm(formula, data))
  fit <- carrier$value
  rows <- data[match(rownames(model.frame(fit)), rownames(data)), c(subject, visit)]
  sums <- repeated_sums(fit, rows[[subject]], rows[[visit]], visit)
  log <- carrier$log
  if (anyNA(coef(fit)))
    log <- c(log, paste0("coefficients not estimable and left out: ",
                         paste(names(coef(fit))[is.na(coef(fit))], collapse = ", ")))
  found <- with_log(gls_optimum(.y ~ 0 + .X, sums$work, covariance, reml))
  V <- length(sums$visits)
  polished <- polish_covariance(sums, covariance, gls_covariance(found$value$fit, V, NULL), reml)
  at <- gls_given(sums, polished$Sigma, reml)
  Sigma <- polished$Sigma * at$scale
  beta <- at$beta
  fit$coefficients[!is.na(fit$coefficients)] <- beta
  list(fit = fit, mixed = FALSE, repeated = TRUE, formula = formula, data = data, level = 0.95,
       weights = NULL, offset = NULL, reml = reml, df_method = df_method, covariance = covariance,
       optimum = list(gap = found$value$gap, optimizers = found$value$optimizers, steps = polished$steps,
                      gradient = polished$gradient, decrement = polished$decrement),
       own_gap = abs(repeated_deviance(sums, Sigma, reml) - at$criterion),
       sums = sums, Sigma = Sigma, beta = beta, vcov = at$vcov, criterion = at$criterion,
       parameters = attr(logLik(found$value$fit), "df"), log = unique(c(log, found$log)),
       freedom = if (df_method == "satterthwaite") covariance_information(sums, covariance, Sigma, reml))
}

# gls at a covariance up to its scale, which it finds itself: how much larger that is, coefficients and
# their covariance, criterion. Under ML gls has n - p where the likelihood has n, in nothing but the errors.
gls_given <- function(sums, Sigma, reml) {
  fit <- gls_at(.y ~ 0 + .X, sums$work, Sigma, reml)
  n <- nrow(sums$X)
  names <- colnames(sums$X)
  V <- vcov(fit) * (if (reml) 1 else (n - ncol(sums$X)) / n)
  list(scale = fit$sigma^2 / Sigma[1L, 1L], criterion = -2 * as.numeric(logLik(fit)),
       beta = structure(as.vector(coef(fit)), names = names),
       vcov = structure(unname(V), dim = dim(V), dimnames = list(names, names)))
}

# Criterion, coefficients and errors at exactly these covariances. gls is given the shape and finds the scale
# s; at another scale the criterion is d (log(1 / s) + s - 1) higher, errors are smaller by its root.
repeated_elsewhere <- function(model, also_at) {
  d <- nrow(model$sums$X) - (if (model$reml) ncol(model$sums$X) else 0)
  found <- lapply(also_at, function(theta) {
    Sigma <- covariance_of(theta, length(model$sums$visits))
    if (is.null(Sigma)) return(NULL)
    at <- gls_given(model$sums, Sigma, model$reml)
    errors <- sqrt(diag(at$vcov) / at$scale)
    list(place = "asked", theta = I(as.double(theta)),
         criterion = at$criterion + d * (at$scale - 1 - log(at$scale)),
         sigma = NaN,
         coefficients = lapply(seq_along(errors), function(j)
           list(term = names(at$beta)[j], estimate = at$beta[[j]], std_error = errors[[j]])))
  })
  Filter(Negate(is.null), found)
}

theta_of <- function(Sigma) {
  L <- t(chol(Sigma))
  L[lower.tri(L, diag = TRUE)]
}

# The covariance of a theta, or nothing where it is none of so many visits.
covariance_of <- function(theta, visits) {
  if (length(theta) != visits * (visits + 1L) / 2 || !all(is.finite(theta))) return(NULL)
  L <- matrix(0, visits, visits)
  L[lower.tri(L, diag = TRUE)] <- theta
  if (any(diag(L) <= 0)) return(NULL)
  Sigma <- L %*% t(L)
  (Sigma + t(Sigma)) / 2
}

# sd(id:time=pre), then cor(id:time=pre,time=post) by column: residuals, not random effects.
visit_components <- function(model, subject, visit) {
  sd <- sqrt(diag(model$Sigma))
  cor <- model$Sigma / outer(sd, sd)
  names <- paste0(visit, "=", model$sums$visits)
  pairs <- which(lower.tri(cor), arr.ind = TRUE)
  terms <- c(sprintf("sd(%s:%s)", subject, names),
             sprintf("cor(%s:%s,%s)", subject, names[pairs[, 2L]], names[pairs[, 1L]]))
  named_estimates(terms, c(sd, cor[pairs]))
}

# Coefficients and covariance parameters both count; BIC has the log of the rows, less the coefficients
# under REML: what AIC and BIC of a gls give.
repeated_statistics <- function(model) {
  n <- nrow(model$sums$X) - (if (model$reml) ncol(model$sums$X) else 0)
  k <- model$parameters
  list(criterion = model$criterion, loglik = -model$criterion / 2, aic = model$criterion + 2 * k,
       bic = model$criterion + k * log(n))
}

problem_mmrm <- function(model, subject, visit) {
  sums <- model$sums
  codes <- list(sums$subject, sums$visit)
  list(n_obs = nrow(sums$X),
       groups = structure(list(length(unique(sums$subject))), names = spelt_name(subject)),
       levels = level_lists(terms(model$fit), model.frame(model$fit)),
       x = design_prints(sums$X),
       y = column_print(response_name(model$fit), model.response(model.frame(model$fit))),
       z = lapply(1:2, function(i) column_print(spelt_name(c(subject, visit)[i]), codes[[i]])),
       reml = model$reml)
}

spelt_name <- function(name) deparse1(as.name(name), backtick = TRUE)

repeated_quality <- function(model, more) {
  optimum <- model$optimum
  log <- setdiff(unique(c(model$log, more)), character())
  if (length(optimum$optimizers) > 1L) log <- log[!startsWith(log, gls_failed)]
  reasons <- log
  if (length(optimum$optimizers) < 2L) reasons <- c(reasons, "only one of nlme's optimisers found an optimum")
  if (optimum$gap > gap_limit)
    reasons <- c(reasons, sprintf("%s end %.3g deviance units apart",
                                  paste(optimum$optimizers, collapse = " and "), optimum$gap))
  if (!isTRUE(optimum$decrement <= decrement_limit))
    reasons <- c(reasons, sprintf("the optimum may be %.3g deviance units lower, more than %.3g",
                                  optimum$decrement, decrement_limit))
  if (!isTRUE(model$own_gap <= 1e-8 * max(1, abs(model$criterion) / 1e4)))
    reasons <- c(reasons, sprintf("gls and the criterion of repeated.R are %.3g apart", model$own_gap))
  if (model$df_method == "satterthwaite" && is.null(model$freedom))
    reasons <- c(reasons, "the information of the covariance parameters is not positive definite: no df")
  list(clean = length(reasons) == 0L, reasons = I(reasons), optimizers = I(optimum$optimizers),
       criterion_gap = optimum$gap, polish_steps = optimum$steps, gradient_norm = optimum$gradient,
       evaluations = 0L)
}

unit_row <- function(model, j) as.double(seq_along(model$beta) == j)

# Degrees of freedom of one contrast of the coefficients.
df_of <- function(model, l) {
  switch(model$df_method,
    z = Inf,
    residual = nrow(model$sums$X) - ncol(model$sums$X),
    satterthwaite = if (is.null(model$freedom)) NaN else satterthwaite_df(model$sums, model$freedom, l))
}

# F test of several contrasts on infinite, residual or Satterthwaite's df: those of an F variable with the
# mean of the sum of squared t of uncorrelated contrasts (Fai & Cornelius 1996, J. Stat. Comput. Simul. 54).
repeated_f <- function(model, L, equals = rep(0, nrow(L))) {
  value <- drop(L %*% model$beta) - equals
  V <- L %*% model$vcov %*% t(L)
  f_value <- sum(value * solve(V, value)) / nrow(L)
  if (model$df_method != "satterthwaite") return(f_values(nrow(L), df_of(model, L[1L, ]), f_value))
  turned <- t(eigen((V + t(V)) / 2, symmetric = TRUE)$vectors) %*% L
  df <- apply(turned, 1L, function(l) df_of(model, l))
  share <- sum(df / (df - 2))
  den_df <- if (anyNA(df)) NaN else if (diff(range(df)) < 1e-8) mean(df) else if (any(df <= 2)) 2
            else 2 * share / (share - nrow(L))
  f_values(nrow(L), den_df, f_value)
}

# Type III as in sum_coded_terms(); of a model with one term by its columns in order, as lmerTest has it.
repeated_terms <- function(model) {
  labels <- attr(terms(model$fit), "term.labels")
  if (length(labels) > 1L) return(sum_coded_terms(model))
  X <- model_x(model)
  owner <- attr(model.matrix(model$fit), "assign")
  if (length(owner) != ncol(X)) refuse("type III with dependent columns is not tested")
  factor <- chol(crossprod(X))
  tested <- joint_f(model, (factor / diag(factor))[owner == 1L, , drop = FALSE])
  list(term_row(labels, NA_real_, tested$num_df, tested$den_df, tested$f_value, model$df_method))
}

# The standard deviation of structures that have one, and the root of the mean variance over rows.
repeated_sd <- function(model, by_sd) {
  variances <- diag(model$Sigma)
  if (by_sd == "total") return(sqrt(mean(variances[model$sums$visit])))
  if (!model$covariance %in% c("cs", "ar1", "toep", "id"))
    refuse("`", model$covariance, "` has a residual variance for each visit, no single sigma")
  sqrt(variances[1L])
}
