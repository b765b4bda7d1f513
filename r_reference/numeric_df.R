# How far lmerTest's Satterthwaite df can be trusted: its derivatives in (theta, sigma) are numDeriv's.

# numDeriv takes a tenth of a parameter as its step, and of one below this 1e-4 besides; Richardson's
# extrapolation halves it three times.
numderiv_zero <- sqrt(.Machine$double.eps / 7e-7)
# The share that makes them no reference: two optima's are held to it (policy.toml, T2).
df_error_limit <- 1e-4
smallest_steps <- function(x) (0.1 * abs(x) + 1e-4 * (abs(x) < numderiv_zero)) / 8

# Why they cannot be trusted, if so: the numeric Hessian steps past a parameter that is small in absolute
# terms, as sigma is for an outcome of the order 1e-6; or rounding takes more than the df are held to
# between two optima.
numeric_df_trouble <- function(fit, df_method) {
  if (df_method != "satterthwaite") return(character())
  parameters <- abs(c(lme4::getME(fit, "theta"), sigma = sigma(fit)))
  small <- parameters[parameters > 0 & parameters < numderiv_zero]
  if (length(small))
    return(sprintf("lmerTest's numeric derivatives step past %s = %.3g: its df are not to be trusted%s",
                   names(small)[1L], small[[1L]],
                   if ("sigma" %in% names(small)) "; give the outcome in a larger unit" else ""))
  error <- numeric_df_error(fit, df_method)
  if (lme4::isSingular(fit, tol = singular_tolerance) || isTRUE(error <= df_error_limit)) return(character())
  worst <- which.max(diag(fit@vcov_varpar) / smallest_steps(parameters)^2)
  sprintf(paste("rounding may leave lmerTest's df wrong by a share of %.2g: it differentiates in steps of a",
                "tenth of %s = %.3g; Kenward-Roger's need none"),
          error, names(parameters)[worst], parameters[[worst]])
}

# What rounding of the criterion may leave wrong in any of these df, as a share of it.
#
# df = 2 v^2 / (g'Ag), A = 2 H^-1. An H that is off by dH makes g'Ag off by g'A dH Ag / 2. A second
# difference of a criterion known to eps |d| over steps h is off by some eps |d| / (h_i h_j), so that with
# s = A^(1/2) g, of whatever contrast, the share is at most eps |d| t / 2 times the largest eigenvalue of
# D^-1 A D^-1, D = diag(h), t parameters.
numeric_df_error <- function(fit, df_method) {
  if (df_method != "satterthwaite") return(NULL)
  h <- smallest_steps(c(lme4::getME(fit, "theta"), sigma(fit)))
  A <- fit@vcov_varpar
  largest <- eigen(A / outer(h, h), symmetric = TRUE, only.values = TRUE)$values[1L]
  .Machine$double.eps * abs(criterion_of(fit)) * length(h) / 2 * largest
}
