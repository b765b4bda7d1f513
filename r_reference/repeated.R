# The criterion of a model with a covariance by visit as a function of that covariance, and what its
# derivatives tell: where the optimum is, and Satterthwaite's degrees of freedom.
#
# With X = Q R, Q orthonormal, e the least-squares residual and V the block diagonal covariance of y:
#   -2 log L = log|V| + log|Q'V^-1 Q| + 2 log|R| + e'V^-1 e - e'V^-1 Q (Q'V^-1 Q)^-1 Q'V^-1 e + d log 2 pi
# with d = n - p; by ML without the two determinants of Q and R, d = n. Derivatives are numDeriv's, by
# coordinates in which the covariance is at zero and every step is relative to it.

# Rows by patient and visit, grouped by which visits a patient has.
repeated_sums <- function(fit, subject, visit, visit_name) {
  keep <- !is.na(coef(fit))
  X <- model.matrix(fit)[, keep, drop = FALSE]
  y <- model.response(model.frame(fit))
  if (!is.null(fit$offset)) y <- y - fit$offset
  subject <- factor(subject)
  visit <- if (is.factor(visit)) droplevels(visit) else factor(visit)
  if (nlevels(visit) < 2L) refuse("a covariance by visit needs two visits or more")
  twice <- duplicated(data.frame(subject, visit))
  if (any(twice))
    refuse("`", as.character(subject)[twice][1L], "` has ", visit_name, " ", as.character(visit)[twice][1L], " twice")
  work <- data.frame(.y = as.double(y), .visit = as.integer(visit), .stratum = factor(as.integer(visit)),
                     .subject = subject)
  work$.X <- unname(X)
  basis <- qr(X)
  if (basis$rank < ncol(X) || any(basis$pivot != seq_len(ncol(X)))) refuse("the columns of X are dependent")
  W <- cbind(qr.Q(basis), qr.resid(basis, as.double(y)))
  place <- split(seq_along(y), subject)
  place <- lapply(place, function(rows) rows[order(as.integer(visit)[rows])])
  pattern <- vapply(place, function(rows) paste(as.integer(visit)[rows], collapse = " "), "")
  patterns <- lapply(split(place, pattern), function(own) {
    k <- length(own[[1L]])
    list(visits = as.integer(visit)[own[[1L]]], patients = length(own),
         rows = matrix(W[unlist(own), , drop = FALSE], k))
  })
  list(X = X, y = as.double(y), R = qr.R(basis), patterns = patterns, work = work,
       subject = as.integer(subject), visit = as.integer(visit), visits = levels(visit))
}

# log|V|, and the sums of squares and products of [Q e] in V^-1.
whitened <- function(sums, Sigma) {
  P <- ncol(sums$X) + 1L
  total <- matrix(0, P, P)
  log_det <- 0
  for (one in sums$patterns) {
    U <- chol(Sigma[one$visits, one$visits, drop = FALSE])
    Z <- backsolve(U, one$rows, transpose = TRUE)
    total <- total + crossprod(matrix(Z, ncol = P))
    log_det <- log_det + 2 * one$patients * sum(log(diag(U)))
  }
  list(log_det = log_det, products = total)
}

repeated_deviance <- function(sums, Sigma, reml) {
  p <- ncol(sums$X)
  found <- whitened(sums, Sigma)
  U <- chol(found$products)  # its last entry squared is the generalised residual sum of squares
  d <- length(sums$y) - (if (reml) p else 0)
  found$log_det + U[p + 1L, p + 1L]^2 + d * log(2 * pi) +
    (if (reml) 2 * sum(log(diag(U)[seq_len(p)])) + 2 * sum(log(abs(diag(sums$R)))) else 0)
}

# (Q'V^-1 Q)^-1, the covariance of the coefficients in the basis Q.
basis_vcov <- function(sums, Sigma) {
  p <- seq_len(ncol(sums$X))
  chol2inv(chol(whitened(sums, Sigma)$products[p, p, drop = FALSE]))
}

# A structure around a covariance that is of it: how many parameters, and the covariance at an offset.
covariance_family <- function(covariance, Sigma) {
  V <- nrow(Sigma)
  if (covariance == "un") {
    L <- t(chol(Sigma))
    lower <- lower.tri(L, diag = TRUE)
    return(list(count = sum(lower), at = function(offset) {
      M <- matrix(0, V, V)
      M[lower] <- offset
      diag(M) <- exp(diag(M))
      tcrossprod(L %*% M)
    }))
  }
  sd <- sqrt(diag(Sigma))
  several <- covariance == "diag" || endsWith(covariance, "h")
  h <- if (several) V else 1L
  shape <- switch(sub("h$", "", covariance),
    cs = {
      r <- Sigma[2L, 1L] / (sd[1L] * sd[2L])
      start <- log((1 + (V - 1) * r) / (1 - r))
      list(count = 1L, at = function(offset) {
        e <- exp(start + offset)
        r <- (e - 1) / (e + V - 1)
        matrix(r, V, V) + diag(1 - r, V)
      })
    },
    ar1 = {
      start <- atanh(Sigma[2L, 1L] / (sd[1L] * sd[2L]))
      list(count = 1L, at = function(offset) stats::toeplitz(tanh(start + offset)^(seq_len(V) - 1)))
    },
    toep = {
      start <- atanh(partial_of((Sigma / outer(sd, sd))[-1L, 1L]))
      list(count = V - 1L, at = function(offset) stats::toeplitz(c(1, from_partial(tanh(start + offset)))))
    },
    list(count = 0L, at = function(offset) diag(V)))
  list(count = h + shape$count, at = function(offset) {
    scaled <- sd * exp(rep(offset[seq_len(h)], length.out = V))
    shape$at(offset[-seq_len(h)]) * outer(scaled, scaled)
  })
}

# Correlations by lag from partial autocorrelations and back (Durbin 1960, Rev. Int. Stat. Inst. 28, 233-243).
from_partial <- function(partial) {
  r <- phi <- numeric()
  for (k in seq_along(partial)) {
    r <- c(r, sum(phi * rev(r)) + partial[k] * (1 - sum(phi * r)))
    phi <- c(phi - partial[k] * rev(phi), partial[k])
  }
  r
}

partial_of <- function(r) {
  partial <- phi <- numeric()
  for (k in seq_along(r)) {
    before <- r[seq_len(k - 1L)]
    partial <- c(partial, (r[k] - sum(phi * rev(before))) / (1 - sum(phi * before)))
    phi <- c(phi - partial[k] * rev(phi), partial[k])
  }
  partial
}

# Newton's method from gls's optimum, at most three steps; a step is kept if it brings the optimum nearer.
polish_covariance <- function(sums, covariance, Sigma, reml, steps = 3L) {
  along_of <- function(Sigma) {
    family <- covariance_family(covariance, Sigma)
    list(family = family, along = function(offset) repeated_deviance(sums, family$at(offset), reml))
  }
  here <- along_of(Sigma)
  zero <- numeric(here$family$count)
  root <- tryCatch(chol(numDeriv::hessian(here$along, zero, method.args = step_of(5e-3))),
                   error = function(e) NULL)
  at <- at_point(here$along, zero, root)
  done <- 0L
  while (!is.null(root) && done < steps) {
    there <- here$family$at(-at$step)
    next_here <- along_of(there)
    next_at <- at_point(next_here$along, zero, root)
    if (!isTRUE(next_at$value <= at$value + rounding(at$value)) || next_at$decrement >= at$decrement) break
    Sigma <- there
    here <- next_here
    at <- next_at
    done <- done + 1L
  }
  list(Sigma = Sigma, steps = done, gradient = max(abs(at$gradient)), decrement = at$decrement)
}

# What Satterthwaite's df are made of: the inverse of the criterion's (observed) Hessian in the covariance
# parameters, and the slopes of the coefficients' covariance. Nothing where the Hessian is not positive definite.
covariance_information <- function(sums, covariance, Sigma, reml) {
  family <- covariance_family(covariance, Sigma)
  zero <- numeric(family$count)
  H <- numDeriv::hessian(function(offset) repeated_deviance(sums, family$at(offset), reml), zero,
                         method.args = step_of(5e-3))
  root <- tryCatch(chol((H + t(H)) / 2), error = function(e) NULL)
  if (is.null(root)) return(NULL)
  slopes <- numDeriv::jacobian(function(offset) as.vector(basis_vcov(sums, family$at(offset))), zero,
                               method.args = step_of(1e-3))
  list(inverse = chol2inv(root), C = basis_vcov(sums, Sigma), slopes = slopes)
}

# 2 v^2 / Var(v) with v = l'Phi l and Var(v) = g'(2 H^-1) g (Giesbrecht & Burns 1985, Biometrics 41, 477-486;
# Kuznetsova, Brockhoff & Christensen 2017, J. Stat. Softw. 82(13)).
satterthwaite_df <- function(sums, freedom, l) {
  q <- backsolve(sums$R, l, transpose = TRUE)
  v <- sum(q * (freedom$C %*% q))
  g <- drop(crossprod(freedom$slopes, as.vector(outer(q, q))))
  v^2 / sum(g * (freedom$inverse %*% g))
}
