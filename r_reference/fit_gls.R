# A repeated-measures model as a reference: nlme's gls with a covariance by visit.
#
#   fit_gls(distance ~ Sex * factor(age), as.data.frame(nlme::Orthodont), "Subject", "age", "un")
#
# covariance: un, cs, csh, ar1, ar1h, toep, toeph, id, diag. A Toeplitz matrix of V visits is the
# autoregression of order V - 1 (corARMA), whose coefficients range over every one of them.
# at: a covariance matrix by visit; nothing is optimised then but the scale: gls is evaluated there,
# and every structure can be.

gls_covariances <- c("un", "cs", "csh", "ar1", "ar1h", "toep", "toeph", "id", "diag")

# Restarts from its own end, until the criterion falls by less than this.
gls_settled <- 1e-11

fit_gls <- function(formula, data, subject, visit, covariance = "un", reml = TRUE, at = NULL,
                    level = 0.95) {
  with_settings(fitting({
    need_plain_names(c(all.vars(formula), subject, visit), "nlme's gls")
    if (!covariance %in% gls_covariances) refuse("gls has no covariance `", covariance, "`")
    visits <- visit_rows(formula, data, subject, visit)
    data <- visits$data
    check_at_matrix(at, length(visits$levels))
    logged <- with_log(if (is.null(at)) gls_optimum(formula, data, covariance, reml)
                       else list(fit = gls_at(formula, data, at, reml), gap = 0))
    fit <- logged$value$fit
    table <- summary(fit)$tTable
    p <- nrow(table)
    list(engine = "gls",
         formula = deparse1(formula),
         covariance = covariance,
         reml = reml,
         df_method = "residual",
         n_obs = fit$dims$N,
         groups = setNames(list(nlevels(data$.subject)), subject),
         messages = I(logged$log),
         fixed = test_rows(rownames(table), table[, "Value"], table[, "Std.Error"],
                           rep(fit$dims$N - p, p), level),
         vcov = unname(vcov(fit)),
         visits = visits$levels,
         covariance_matrix = gls_covariance(fit, length(visits$levels), at),
         normalized = unname(as.vector(residuals(fit, type = "normalized"))),
         fit = fit_statistics(fit, -2 * as.numeric(logLik(fit))),
         criterion_gap = logged$value$gap,
         quality = gls_quality(logged, at))
  }))
}

# The complete rows with .visit (1, 2, ...), .stratum (the same as a factor) and .subject; visits in
# the order of a factor's levels, else sorted.
visit_rows <- function(formula, data, subject, visit) {
  for (name in c(subject, visit)) if (!name %in% names(data)) refuse("no column `", name, "`")
  if (is.null(subject) || is.null(visit)) refuse("a covariance by visit needs `subject` and `visit`")
  data <- data[complete.cases(data[c(all.vars(formula), subject, visit)]), ]
  seen <- if (is.factor(data[[visit]])) droplevels(data[[visit]]) else factor(data[[visit]])
  if (nlevels(seen) < 2L) refuse("a covariance by visit needs two visits or more")
  data$.visit <- as.integer(seen)
  data$.stratum <- factor(data$.visit)
  data$.subject <- factor(data[[subject]])
  twice <- duplicated(data[c(".subject", ".visit")])
  if (any(twice))
    refuse("`", subject, "` ", as.character(data[[subject]])[twice][1L], " has visit ",
           as.character(seen)[twice][1L], " twice")
  list(data = data, levels = levels(seen))
}

check_at_matrix <- function(at, visits) {
  if (is.null(at)) return(invisible())
  if (!is.matrix(at) || any(dim(at) != visits) || !all(is.finite(at)) || max(abs(at - t(at))) > 0)
    refuse("`at` is no symmetric matrix of ", visits, " visits")
  if (inherits(try(chol(at), silent = TRUE), "try-error")) refuse("`at` is not positive definite")
}

# Two optimisers that agree, and a log without a warning; where a covariance is given, only the log.
gls_quality <- function(logged, at) {
  optimizers <- if (is.null(at)) logged$value$optimizers else "covariance given"
  reasons <- logged$log
  if (length(optimizers) == 2L) reasons <- reasons[!startsWith(reasons, gls_failed)]
  if (is.null(at) && length(optimizers) < 2L)
    reasons <- c(reasons, "only one of nlme's optimisers found an optimum")
  gap <- logged$value$gap
  if (gap > gap_limit)
    reasons <- c(reasons, sprintf("%s end %.3g deviance units apart", paste(optimizers, collapse = " and "),
                                  gap))
  list(clean = length(reasons) == 0L, reasons = I(reasons), optimizers = I(optimizers),
       criterion_gap = gap)
}

# The lower of two optimisers' criteria, each restarted from its own end: gls stops them early (for
# nlminb it passes no tolerances at all, for optim a relative one on numeric gradients). Where one steps
# to what nlme cannot compute (corARMA near the edge of the possible), nlminb from another start is
# the second opinion.
gls_optimum <- function(formula, data, covariance, reml) {
  from <- function(optimizer, rho) {
    control <- nlme::glsControl(opt = optimizer, maxIter = 500, msMaxIter = 500, tolerance = 1e-12,
                                msTol = 1e-14, returnObject = TRUE)
    tryCatch(gls_settle(function(from) gls_once(formula, data, covariance, reml, control, from, rho)),
             error = function(e) {
               message(gls_failed, optimizer, " failed: ", conditionMessage(e))
               NULL
             })
  }
  ends <- Filter(Negate(is.null), list(optim = from("optim", 0), nlminb = from("nlminb", 0)))
  if (length(ends) == 1L)
    ends <- Filter(Negate(is.null), c(ends, list("nlminb from elsewhere" = from("nlminb", 0.3))))
  if (!length(ends)) refuse("gls found no optimum with covariance `", covariance, "`")
  criteria <- vapply(ends, function(fit) -2 * as.numeric(logLik(fit)), 0)
  list(fit = ends[[which.min(criteria)]], gap = diff(range(criteria)), optimizers = names(ends))
}

# What is no fault of the fit when another optimiser takes the place of one that failed.
gls_failed <- "nlme's "

gls_settle <- function(fit_from) {
  fit <- fit_from(NULL)
  for (again in 1:6) {
    nearer <- fit_from(fit)
    gain <- 2 * as.numeric(logLik(nearer) - logLik(fit))
    if (gain > 0) fit <- nearer
    if (gain < gls_settled) break
  }
  fit
}

gls_once <- function(formula, data, covariance, reml, control, from, rho_start = 0) {
  start <- function(part) if (!is.null(from)) coef(from$modelStruct[[part]], unconstrained = FALSE)
  rho <- start("corStruct")
  ratio <- start("varStruct")
  correlation <- switch(sub("h$", "", covariance),
    un = nlme::corSymm(if (is.null(rho)) numeric(0) else rho, form = ~ .visit | .subject),
    cs = nlme::corCompSymm(if (is.null(rho)) rho_start else rho, form = ~ 1 | .subject),
    ar1 = nlme::corAR1(if (is.null(rho)) rho_start else rho, form = ~ .visit | .subject),
    toep = nlme::corARMA(if (is.null(rho)) c(rho_start, rep(0, max(data$.visit) - 2L)) else rho,
                         form = ~ .visit | .subject, p = max(data$.visit) - 1L),
    id = NULL,
    diag = NULL,
    refuse("gls has no covariance `", covariance, "`"))
  weights <- if (covariance %in% c("un", "csh", "ar1h", "toeph", "diag"))
    nlme::varIdent(if (is.null(ratio)) numeric(0) else ratio, form = ~ 1 | .stratum)
  gls_call(formula, data, correlation, weights, reml, control)
}

gls_at <- function(formula, data, at, reml) {
  sd <- sqrt(diag(at))
  cor <- at / outer(sd, sd)
  ratio <- setNames(sd / sd[1L], seq_along(sd))[-1L]
  gls_call(formula, data,
           nlme::corSymm(cor[lower.tri(cor)], form = ~ .visit | .subject, fixed = TRUE),
           nlme::varIdent(form = ~ 1 | .stratum, fixed = ratio),
           reml, nlme::glsControl())
}

# gls looks its arguments up by name where it was called; do.call hands it the values.
gls_call <- function(formula, data, correlation, weights, reml, control) {
  do.call(nlme::gls, list(formula, data = data, correlation = correlation, weights = weights,
                          method = if (reml) "REML" else "ML", control = control,
                          na.action = na.omit))
}

# The residual covariance by visit of a fit.
gls_covariance <- function(fit, visits, at) {
  if (!is.null(at)) return(at * fit$sigma^2 / at[1L, 1L])
  cor <- diag(visits)
  rho <- if (!is.null(fit$modelStruct$corStruct))
    coef(fit$modelStruct$corStruct, unconstrained = FALSE)
  # corAR1 becomes corARMA where visits are missing.
  if (inherits(fit$modelStruct$corStruct, c("corAR1", "corARMA")))
    cor <- stats::toeplitz(unname(stats::ARMAacf(ar = rho, lag.max = visits - 1L)))
  else if (length(rho)) {
    cor[lower.tri(cor)] <- rho
    cor[upper.tri(cor)] <- t(cor)[upper.tri(cor)]
  }
  sd <- rep(fit$sigma, visits)
  if (!is.null(fit$modelStruct$varStruct)) {
    ratio <- coef(fit$modelStruct$varStruct, unconstrained = FALSE, allCoef = TRUE)
    sd <- fit$sigma * unname(ratio[as.character(seq_len(visits))])
  }
  cor * outer(sd, sd)
}
