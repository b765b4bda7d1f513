# Patients of other arms who were lost, continued as the reference arm (Carpenter, Roger & Kenward 2013,
# J. Biopharm. Stat. 23, 1352-1371). In each arm the visits after baseline are multivariate normal given
# baseline and covariates. Their mean and covariance are drawn from the posterior under a flat prior; then a
# lost patient's joint distribution is built as the paper has it (section 3.3: A the own arm, R the
# reference, 1 the visits before the loss and 2 those after),
#
#   mean = (A mean of 1, R mean of 2),  S11 = A11,  S21 = R21 R11^-1 A11,
#   S22 = R22 - R21 R11^-1 (R11 - A11) R11^-1 R12,
#
# and what is missing is drawn given what was seen.

jump_to_reference <- function(trial, completed, reference, baseline = NULL) {
  to <- in_arm(trial, reference)
  first <- if (is.null(baseline)) integer() else match(baseline, trial$visits)
  if (anyNA(first) || (length(first) && first != 1L)) refuse("`baseline` is not the first visit")
  after <- setdiff(seq_along(trial$visits), first)
  seen <- !is.na(trial$Y[, after, drop = FALSE])
  kept <- apply(seen, 1L, function(one) max(0L, which(one)))
  arms <- split(seq_len(nrow(seen)), trial$who$arm)
  covariates <- if (ncol(trial$who) == 1L) matrix(1, nrow(seen), 1L)
                else model.matrix(~ ., trial$who[names(trial$who) != "arm"])
  lapply(completed, function(Y) {
    Z <- cbind(covariates, Y[, first])
    y <- Y[, after, drop = FALSE]
    drawn <- lapply(arms, function(rows) arm_parameters(Z, y, rows, kept))
    target <- drawn[[which(names(arms) == reference)]]
    for (i in which(!to & kept < length(after)))
      y[i, ] <- continued(y[i, ], kept[i], Z[i, ], drawn[[as.character(trial$who$arm[i])]], target)
    Y[, after] <- y
    Y
  })
}

# One draw of an arm's regression of the visits on Z (coefficients c by T) and their covariance (T by T), by
# the regressions of each visit on Z and the visits before it.
arm_parameters <- function(Z, y, rows, kept) {
  size <- ncol(y)
  gamma <- matrix(0, ncol(Z), size)
  S <- matrix(0, size, size)
  for (t in seq_len(size)) {
    there <- rows[kept[rows] >= t]
    before <- seq_len(t - 1L)
    D <- cbind(Z[there, , drop = FALSE], y[there, before, drop = FALSE])
    fit <- lm.fit(D, y[there, t])
    p <- ncol(D)
    if (length(there) <= p || fit$rank < p) refuse("an arm is too small for its regressions")
    s2 <- sum(fit$residuals^2) / rchisq(1L, length(there) - p)
    beta <- fit$coefficients + sqrt(s2) * backsolve(qr.R(fit$qr), rnorm(p))
    b <- beta[ncol(Z) + before]
    gamma[, t] <- beta[seq_len(ncol(Z))] + gamma[, before, drop = FALSE] %*% b
    S[before, t] <- S[before, before, drop = FALSE] %*% b
    S[t, before] <- S[before, t]
    S[t, t] <- s2 + sum(b * S[before, t])
  }
  list(gamma = gamma, S = S)
}

# One patient's visits, those after the k-th drawn.
continued <- function(y, k, z, own, reference) {
  one <- seq_len(k)
  two <- setdiff(seq_along(y), one)
  mean <- drop(z %*% reference$gamma)
  mean[one] <- drop(z %*% own$gamma)[one]
  A <- own$S; R <- reference$S
  if (k == 0L) {
    centre <- mean; left <- R
  } else {
    slope <- R[two, one, drop = FALSE] %*% solve(R[one, one, drop = FALSE])
    S11 <- A[one, one, drop = FALSE]
    S21 <- slope %*% S11
    S22 <- R[two, two, drop = FALSE] - slope %*% (R[one, one, drop = FALSE] - S11) %*% t(slope)
    inverse <- solve(S11)
    centre <- mean[two] + drop(S21 %*% inverse %*% (y[one] - mean[one]))
    left <- S22 - S21 %*% inverse %*% t(S21)
  }
  y[two] <- centre + drop(t(chol(left)) %*% rnorm(length(two)))
  y
}
