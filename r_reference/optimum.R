# The optimum of lme4's criterion, found in a way that can be trusted: two optimisers with every
# tolerance spelt out, and Newton steps from the better of the two.
#
# lme4's default asks nloptr for xtol_abs = ftol_abs = 1e-8, and nloptr adds its own
# xtol_rel = 1e-4, which is the rule that stops it. On a flat surface that is far from the optimum.

tight_controls <- function() {
  list(
    nloptwrap = lme4::lmerControl(
      optimizer = "nloptwrap", calc.derivs = TRUE,
      optCtrl = list(algorithm = "NLOPT_LN_BOBYQA", xtol_rel = 0, ftol_rel = 0,
                     xtol_abs = 1e-12, ftol_abs = 0, maxeval = 1e5)),
    bobyqa = lme4::lmerControl(
      optimizer = "bobyqa", calc.derivs = TRUE,
      optCtrl = list(rhobeg = 2e-2, rhoend = 1e-9, maxfun = 1e6))
  )
}

# Nothing left to gain in double precision, which is where an xtol_abs of 1e-12 and a rhoend of 1e-9
# are meant to lead: NLopt's NLOPT_ROUNDOFF_LIMITED, and bobyqa's step that no longer reduces its
# quadratic model. Whether it is the optimum, gap and decrement say.
roundoff_codes <- c(nloptwrap = -4, bobyqa = 3)

singular_tolerance <- 1e-4   # lme4's: a relative standard deviation below it is the boundary

# Where the criterion is smallest, and how well that is known:
# theta, edge (whether on the boundary), steps, gradient and decrement (see polish()), optimizers, gap
# (difference of their criteria), evaluations (of the first), converged, log.
find_optimum <- function(formula, data, reml, weights = NULL, offset = NULL) {
  runs <- lapply(tight_controls(), function(control)
    with_log(with_rows(quote(lme4::lmer(formula, data, REML = reml, control = control)),
                       weights, offset, environment())))
  fits <- lapply(runs, function(run) run$value)
  criteria <- vapply(fits, criterion_of, 0)
  if (!all(is.finite(criteria)))
    stop("the criterion has no minimum: is the response constant, or fitted without error?")
  best <- fits[[which.min(criteria)]]
  criterion <- criterion_function(formula, data, reml, weights, offset)
  log <- unique(unlist(lapply(runs, function(run) run$log)))
  code <- best@optinfo$conv$opt
  stopped <- code == 0 || code == roundoff_codes[[names(fits)[which.min(criteria)]]]
  if (!stopped)
    log <- c(log, sprintf("%s stopped with code %d", names(fits)[which.min(criteria)], code))
  c(polish(criterion, lme4::getME(best, "theta"), lme4::getME(best, "lower")),
    list(optimizers = names(fits),
         gap = max(criteria) - min(criteria),
         evaluations = as.integer(fits[[1L]]@optinfo$feval),
         converged = stopped,
         log = as.character(log)))
}

# The criterion as a function of theta alone; sigma and the coefficients are profiled out.
criterion_function <- function(formula, data, reml, weights = NULL, offset = NULL) {
  with_rows(quote(lme4::lmer(formula, data, REML = reml, devFunOnly = TRUE,
                             control = lme4::lmerControl(calc.derivs = FALSE))), weights, offset)
}

# The REML criterion, or minus twice the log-likelihood.
criterion_of <- function(fit) {
  unname(fit@devcomp$cmp[[if (lme4::isREML(fit)) "REML" else "dev"]])
}

# Newton's method on the free parameters, at most `steps` times; the curvature is taken once, where
# the tight fit ended. Relative standard deviations on the boundary are set to zero when the
# criterion does not object, and stay there. A step is kept if it stays inside, if the criterion
# does not rise beyond its rounding, and if it brings the optimum nearer, as the decrement
# g' H^-1 g / 2 measures it: how much lower, in deviance units, the criterion could still go.
polish <- function(criterion, theta, lower, steps = 4L) {
  diagonal <- lower == 0
  on_edge <- diagonal & theta < singular_tolerance
  if (any(on_edge)) {
    snapped <- replace(theta, on_edge, 0)
    if (criterion(snapped) <= criterion(theta) + rounding(criterion(theta))) theta <- snapped
  }
  free <- which(!on_edge)
  state <- list(theta = theta, steps = 0L, edge = any(on_edge), gradient = NaN, decrement = NaN)
  if (!length(free)) return(state)
  along <- function(part) criterion(replace(theta, free, part))
  root <- tryCatch(chol(numDeriv::hessian(along, theta[free], method.args = step_of(5e-3))),
                   error = function(e) NULL)
  here <- at_point(along, theta[free], root)
  while (!is.null(root) && state$steps < steps) {
    there <- theta[free] - here$step
    if (any(there[diagonal[free]] < singular_tolerance)) break
    if (criterion(replace(theta, free, there)) > here$value + rounding(here$value)) break
    next_point <- at_point(along, there, root)
    if (next_point$decrement >= here$decrement) break
    here <- next_point
    theta[free] <- there
    state$steps <- state$steps + 1L
  }
  state[c("theta", "gradient", "decrement")] <- list(theta, max(abs(here$gradient)), here$decrement)
  state
}

# Criterion and gradient at a point; the Newton step and decrement if the curvature has a root.
at_point <- function(along, part, root) {
  gradient <- numDeriv::grad(along, part, method.args = step_of(1e-3))
  half <- if (is.null(root)) NaN else backsolve(root, gradient, transpose = TRUE)
  list(value = along(part), gradient = gradient, decrement = sum(half^2) / 2,
       step = if (is.null(root)) NaN else backsolve(root, half))
}

# First step h (1 + |theta|) of numDeriv's extrapolation. Its own step, relative to each theta, drowns
# in rounding when a theta is near zero; theta is already relative to sigma, so 1 is its scale.
step_of <- function(h) list(d = h, eps = h, zero.tol = Inf)

# What two evaluations of the criterion at one optimum may differ by.
rounding <- function(criterion) 1e-13 * max(1, abs(criterion))
