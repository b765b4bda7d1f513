# A mixed or a repeated-measures model by glmmTMB: a second reference, which shares no code with lme4 or
# nlme. Its gradient is exact (automatic differentiation), its integral over Gaussian effects too.
#
#   fit_glmmtmb(Reaction ~ Days + (Days | Subject), lme4::sleepstudy)
#   fit_glmmtmb(distance ~ Sex, as.data.frame(nlme::Orthodont), subject = "Subject", visit = "age",
#               covariance = "un")
#
# With subject and visit the random effects are by visit and the residual variance is fixed at
# glmmTMB's smallest, 1.5e-8: they are the residuals. Nearly: that moves the criterion by about
# n 1.5e-8 / variance, and rounds it by as much as 1e-16 variance / 1.5e-8 a row; both are least for an
# outcome of variance 1, so it is fitted in that unit. Its own standard errors come out of a matrix with
# entries of 1e8. glmmTMB has un, csh, cs, ar1, toep, toeph and diag of fit_gls's covariances.
#
# Standard errors are roots of (X'V^-1 X)^-1 at the covariance found, as lme4's and nlme's are. glmmTMB's
# own (own_errors) add what the covariance's uncertainty adds to the coefficients': on unbalanced data
# they are larger, here and there by one in a hundred.
#
# nlminb with tight tolerances, then Newton steps by the exact gradient while they lower it. `quality`
# says where it ended: decrement is what the criterion could still fall, g'H^-1 g. Prior weights are
# refused: glmmTMB's multiply the likelihood of a row, lmer's divide its variance.
#
# TMB's tapes stay as recorded: its optimiser of tapes (1.9.2) orders a sum by what lies at which address,
# so that in one process of twenty the gradient's last bit, and the path from there, was another.

tmb_decrement_limit <- 1e-8
# By visit the exact gradient carries the rounding of that matrix.
tmb_visit_limit <- 1e-5
tmb_structures <- c(un = "us", csh = "cs", cs = "cs", ar1 = "ar1", toep = "toep", toeph = "toep",
                    diag = "diag")

fit_glmmtmb <- function(formula, data, reml = TRUE, subject = NULL, visit = NULL, covariance = "un",
                        level = 0.95, offset = NULL, contrasts = list()) {
  check_packages("glmmTMB")
  with_plain_tapes(with_settings(fitting({
    need_plain_names(c(all.vars(formula), subject, visit, offset), "glmmTMB")
    data <- coded_data(formula, data, NULL, offset, contrasts)
    repeated <- !is.null(subject) || !is.null(visit)
    if (repeated && length(lme4::findbars(formula)))
      refuse("random terms, or a covariance by visit: not both")
    if (!repeated && !length(lme4::findbars(formula))) refuse("the model has no random terms")
    trail <- new.env()
    logged <- with_log(if (repeated) tmb_by_visit(formula, data, reml, subject, visit, covariance, offset, trail)
                       else tmb_fit(formula, data, reml, offset, trail))
    fit <- logged$value
    unit <- if (repeated) attr(fit, "unit") else 1
    beta <- glmmTMB::fixef(fit)$cond * unit
    V <- if (repeated) attr(fit, "vcov_at") else tmb_vcov(fit)
    loglik <- as.numeric(logLik(fit)) - (nobs(fit) - reml * length(beta)) * log(unit)
    c(list(engine = "glmmTMB",
           formula = deparse1(formula),
           reml = reml,
           df_method = "z",
           n_obs = nobs(fit),
           messages = I(logged$log),
           fixed = test_rows(names(beta), beta, sqrt(diag(V)), rep(Inf, length(beta)), level),
           vcov = matrix_rows(V),
           own_errors = I(unname(unit * sqrt(diag(vcov(fit)$cond)))),
           fit = tmb_statistics(fit, loglik),
           quality = tmb_quality(trail, logged, if (repeated) tmb_visit_limit else tmb_decrement_limit,
                                 if (!repeated) tmb_boundary(fit))),
      if (repeated) list(covariance = covariance, visits = I(attr(fit, "visits")),
                         covariance_matrix = matrix_rows(attr(fit, "visit_covariance")))
      else list(random = tmb_random_table(fit)))
  })))
}

with_plain_tapes <- function(expr) {
  loadNamespace("glmmTMB")  # its library holds the setting
  old <- TMB::config(DLL = "glmmTMB")$optimize.instantly
  TMB::config(optimize.instantly = 0L, DLL = "glmmTMB")
  on.exit(TMB::config(optimize.instantly = old, DLL = "glmmTMB"))
  expr
}

# (X'V^-1 X)^-1 with V = Z G Z' + sigma^2 I, the columns of Z level by level within each term.
tmb_vcov <- function(fit) {
  X <- lme4::getME(fit, "X")
  Z <- lme4::getME(fit, "Z")
  blocks <- glmmTMB::VarCorr(fit)$cond
  levels <- vapply(fit$modelInfo$reStruc$condReStruc, function(term) term$blockReps, 0)
  G <- Matrix::bdiag(Map(function(block, n)
    Matrix::kronecker(Matrix::Diagonal(n), matrix(block, nrow(block))), blocks, levels))
  V <- Matrix::forceSymmetric(Z %*% G %*% Matrix::t(Z)) + Matrix::Diagonal(nrow(X), sigma(fit)^2)
  solve(as.matrix(Matrix::crossprod(X, Matrix::solve(V, X))))
}

# AIC and BIC by glmmTMB's own count of parameters.
tmb_statistics <- function(fit, loglik) {
  count <- attr(logLik(fit), "df")
  list(criterion = -2 * loglik, loglik = loglik, aic = 2 * count - 2 * loglik,
       bic = log(nobs(fit)) * count - 2 * loglik)
}

tmb_fit <- function(formula, data, reml, offset, trail, ...) {
  with_rows(quote(glmmTMB::glmmTMB(formula, data, REML = reml, control = tmb_control(trail), ...)),
            NULL, offset, environment())
}

# An optimiser for glmmTMB: nlminb to its end, then Newton; how it went goes into `trail`.
tmb_control <- function(trail) {
  glmmTMB::glmmTMBControl(optimizer = function(par, fn, gr, control) {
    run <- stats::nlminb(par, fn, gr, control = list(iter.max = 1e4, eval.max = 1e4, rel.tol = 1e-15,
                                                     x.tol = 1e-14))
    here <- tmb_point(run$par, fn, gr)
    steps <- 0L
    while (steps < 4L && is.finite(here$decrement) && here$decrement > 0) {
      there <- tmb_point(here$par - here$step, fn, gr)
      if (!isTRUE(there$value <= here$value + rounding(here$value) / 2) ||
          !isTRUE(there$decrement < here$decrement)) break
      here <- there
      steps <- steps + 1L
    }
    fn(here$par)  # TMB reads its effects off the last evaluation
    trail$decrement <- here$decrement
    trail$gradient <- max(abs(here$gradient))
    trail$steps <- steps
    trail$evaluations <- as.integer(run$evaluations[[1L]])
    trail$message <- run$message
    list(par = here$par, objective = here$value, convergence = 0L, message = run$message)
  })
}

# fn is half the criterion: g'H^-1 g of fn is what the criterion could still fall.
tmb_point <- function(par, fn, gr) {
  gradient <- as.vector(gr(par))
  H <- numDeriv::jacobian(function(p) as.vector(gr(p)), par)
  step <- tryCatch(backsolve(root <- chol((H + t(H)) / 2), backsolve(root, gradient, transpose = TRUE)),
                   error = function(e) NULL)
  list(par = par, value = as.numeric(fn(par)), gradient = gradient, step = step,
       decrement = if (is.null(step)) NaN else sum(step * gradient))
}

# What keeps a fit on the boundary from being a reference: glmmTMB works on logs of standard deviations,
# which come to rest anywhere below what matters. As lme4's isSingular, in shares of sigma.
tmb_boundary <- function(fit) {
  least <- min(vapply(glmmTMB::VarCorr(fit)$cond, function(block)
    min(eigen(matrix(block, nrow(block)), symmetric = TRUE, only.values = TRUE)$values), 0))
  share <- sqrt(max(least, 0)) / sigma(fit)
  if (share >= singular_tolerance) return(character())
  sprintf("a variance at zero or a correlation at one, which the log scale does not have: %.2g sigma", share)
}

tmb_quality <- function(trail, logged, limit, trouble = character()) {
  reasons <- c(logged$warnings, trouble)
  if (!isTRUE(trail$decrement <= limit))
    reasons <- c(reasons, sprintf("the optimum may be %.3g deviance units lower, more than %.3g",
                                  trail$decrement, limit))
  list(clean = length(reasons) == 0L, reasons = I(reasons), optimizers = I("nlminb and Newton"),
       decrement = trail$decrement, polish_steps = trail$steps, gradient_norm = trail$gradient,
       evaluations = trail$evaluations, ended = trail$message)
}

# The terms of random_table(), whose order of groups is glmmTMB's: that of the formula.
tmb_random_table <- function(fit) {
  blocks <- glmmTMB::VarCorr(fit)$cond
  owners <- names(blocks)
  owners <- sub("[.][0-9]+$", "", owners)
  rows <- lapply(seq_along(blocks), function(b) {
    names <- colnames(blocks[[b]])
    cor <- attr(blocks[[b]], "correlation")
    pairs <- which(lower.tri(diag(length(names))), arr.ind = TRUE)
    named_estimates(c(sprintf("sd(%s:%s)", owners[b], names),
                      sprintf("cor(%s:%s,%s)", owners[b], names[pairs[, 2L]], names[pairs[, 1L]])),
                    c(unname(attr(blocks[[b]], "stddev")), cor[pairs]))
  })
  c(unlist(rows, recursive = FALSE), named_estimates("sigma", sigma(fit)))
}

tmb_by_visit <- function(formula, data, reml, subject, visit, covariance, offset, trail) {
  kind <- tmb_structures[covariance]
  if (is.na(kind)) refuse("glmmTMB has no covariance `", covariance, "`")
  visits <- visit_rows(formula, data, subject, visit)
  data <- visits$data
  V <- length(visits$levels)
  if (!is.null(offset) || length(attr(terms(formula), "offset")))
    refuse("an offset with a covariance by visit is not asked of glmmTMB: subtract it from the outcome")
  response <- eval(formula[[2L]], data, environment(formula))
  unit <- stats::sigma(lm(formula, data))
  if (!isTRUE(unit > 0)) refuse("the response does not vary")
  data$.response <- as.double(response) / unit
  full <- formula
  full[[2L]] <- quote(.response)
  random <- call(unname(kind), call("|", quote(0 + .stratum), quote(.subject)))
  full[[3L]] <- call("+", formula[[3L]], random)
  size <- switch(covariance, un = V * (V + 1) / 2, csh = , cs = V + 1, ar1 = 2, toep = , toeph = 2 * V - 1,
                 diag = V)
  theta <- seq_len(size)
  if (covariance %in% c("cs", "toep")) theta[seq_len(V)] <- 1L  # one variance for all visits
  fit <- tmb_fit(full, data, reml, NULL, trail, dispformula = ~ 0,
                 map = list(theta = factor(theta)))
  Sigma <- matrix(glmmTMB::VarCorr(fit)$cond$.subject[seq_len(V), seq_len(V)], V) +
    diag(sigma(fit)^2, V)
  Sigma <- Sigma * unit^2
  X <- model.matrix(fit)
  structure(fit, unit = unit, visits = visits$levels, visit_covariance = Sigma,
            vcov_at = solve(visit_information(X, data$.visit, data$.subject, Sigma)))
}

# X'V^-1 X over subjects, each with the rows and columns of Sigma of its visits.
visit_information <- function(X, visit, subject, Sigma) {
  Reduce(`+`, lapply(split(seq_along(visit), subject), function(rows) {
    half <- backsolve(chol(Sigma[visit[rows], visit[rows], drop = FALSE]), X[rows, , drop = FALSE],
                      transpose = TRUE)
    crossprod(half)
  }))
}
