# Profile-likelihood intervals of every parameter of a mixed model, by ML, on the scale of standard
# deviations and correlations.
#
#   profile_intervals(Reaction ~ Days + (Days | Subject), lme4::sleepstudy)
#
# lme4's profile() walks along each parameter and reads its interval off splines through the walk, good
# to about 1e-5 of itself; where the walk meets a variance of zero, the splines bend and the interval
# can be missing or wrong, and where it finds a lower criterion it stops. So its bounds are only shown
# (lme4_low, lme4_high). A bound here is where the lowest criterion with the parameter held there is
# qchisq(level, 1) above the lowest of all (Venzon & Moolgavkar 1988, Appl. Stat. 37, 87-94): for each
# value tried the others are optimised anew, and the root is searched to 1e-9 of the interval.
# `excess` says by how much, in deviance units, the criterion at the bound is off, evaluated again from
# other starts: a lower minimum found there shows as a negative one.

profile_excess_limit <- 1e-5
# Of the interval's width; lme4's splines keep 1e-5 of it where they follow the profile.
lme4_profile_limit <- 1e-3

# which: terms; all by default. lme4: whether to ask lme4's profile too.
profile_intervals <- function(formula, data, level = 0.95, which = NULL, weights = NULL, offset = NULL,
                              contrasts = list(), lme4 = TRUE) {
  model <- reference_model(formula, data, reml = FALSE, df_method = "residual", level = level,
                           weights = weights, offset = offset, contrasts = contrasts)
  if (!model$mixed) refuse("profile intervals are of mixed models")
  answer_on(model, {
    problem <- profile_problem(model)
    wanted <- vapply(problem$parameters, function(parameter) parameter$term, "")
    for (term in which) if (!term %in% wanted) refuse("no parameter `", term, "`")
    chosen <- if (is.null(which)) seq_along(wanted) else match(which, wanted)
    theirs <- if (lme4) lme4_profile(model, level, length(wanted))
    list(level = level, rows = lapply(chosen, function(k)
      profile_row(problem, problem$parameters[[k]], level, theirs[k, ])),
      lme4_said = I(as.character(attr(theirs, "said"))))
  })
}

profile_row <- function(problem, parameter, level, theirs) {
  quantile <- qchisq(level, 1)
  lowest <- minimiser(problem, parameter)
  sides <- lapply(c(-1, 1), function(side) profile_bound(problem, parameter, lowest, side, quantile))
  ours <- vapply(sides, function(side) side$value, 0)
  note <- paste(unique(c(unlist(lapply(sides, function(side) side$note)), lme4_off(ours, theirs))),
                collapse = "; ")
  excess <- vapply(sides, function(side) side$excess, 0)
  list(term = parameter$term, estimate = parameter$estimate,
       conf_low = ours[1L], conf_high = ours[2L],
       excess_low = excess[1L], excess_high = excess[2L],
       lme4_low = if (length(theirs)) theirs[[1L]] else NA_real_,
       lme4_high = if (length(theirs)) theirs[[2L]] else NA_real_,
       method = "profile", clean = all(abs(excess) <= profile_excess_limit, na.rm = TRUE), note = note)
}

# Where lme4's bounds are another interval, not the same one a little less exactly.
lme4_off <- function(ours, theirs) {
  if (!length(theirs)) return(NULL)
  off <- ifelse(ours == theirs, 0, abs(ours - theirs) / (if (all(is.finite(ours))) diff(ours) else 1))
  if (all(off <= lme4_profile_limit, na.rm = TRUE) && !anyNA(off)) return(NULL)
  sprintf("lme4's profile has (%.6g, %.6g)", theirs[[1L]], theirs[[2L]])
}

# lme4's own, in the order of our terms; all missing, with its words, where it fails. Its order is
# theirs: per term of the formula standard deviations and correlations column by column.
lme4_profile <- function(model, level, n) {
  ran <- with_log(tryCatch(confint(profile(model$fit, optimizer = "bobyqa"), level = level),
                           error = function(e) {
                             message("lme4's profile failed: ", conditionMessage(e))
                             matrix(NA_real_, n, 2L)
                           }))
  bounds <- ran$value
  if (nrow(bounds) != n) bounds <- matrix(NA_real_, n, 2L)
  p <- length(lme4::fixef(model$fit))
  random <- random_order(model$fit)
  structure(rbind(bounds[n - p + seq_len(p), , drop = FALSE],
                  bounds[random, , drop = FALSE], bounds[n - p, , drop = FALSE]), said = ran$log)
}

# Where random_table()'s rows (sds, then correlations, term by term) stand in lme4's order.
random_order <- function(fit) {
  from <- 0L
  unlist(lapply(lme4::VarCorr(fit), function(block) {
    q <- ncol(block)
    place <- matrix(0L, q, q)
    place[lower.tri(place, TRUE)] <- from + seq_len(q * (q + 1L) / 2L)
    from <<- from + as.integer(q * (q + 1L) / 2L)
    c(diag(place), place[lower.tri(place)])
  }), use.names = FALSE)
}

# The criterion by ML as a function of theta and, where it is held, sigma; its lowest value; parameters.
profile_problem <- function(model) {
  formula <- model$formula
  data <- model$data
  parts <- with_rows(quote(lme4::lFormula(formula, data, REML = FALSE)), model$weights, model$offset,
                     environment())
  sizes <- vapply(parts$reTrms$cnms, length, 1L)
  list(parts = parts, sizes = sizes, theta = model$optimum$theta, lowest = criterion_of(model$fit),
       sigma = sigma(model$fit), n = nobs(model$fit), beta = model_beta(model),
       errors = sqrt(diag(model_vcov(model))), log_weights = sum(log(weights(model$fit))),
       whole = do.call(lme4::mkLmerDevfun, parts[c("fr", "X", "reTrms", "REML")]),
       parameters = profile_parameters(model, sizes))
}

# One parameter each: term, estimate, kind (fixed, sd, cor, sigma) and where it stands.
profile_parameters <- function(model, sizes) {
  beta <- model_beta(model)
  fixed <- lapply(seq_along(beta), function(k)
    list(term = names(beta)[k], estimate = beta[[k]], kind = "fixed", k = k))
  random <- random_table(model$fit)
  where <- unlist(lapply(seq_along(sizes), function(b) {
    q <- sizes[b]
    pairs <- which(lower.tri(diag(q)), arr.ind = TRUE)
    c(lapply(seq_len(q), function(k) list(kind = "sd", block = b, k = k)),
      lapply(seq_len(nrow(pairs)), function(i)
        list(kind = "cor", block = b, k = unname(pairs[i, 2:1]))))
  }), recursive = FALSE)
  c(fixed, Map(c, random, c(where, list(list(kind = "sigma")))))
}

# The lowest criterion with a parameter held at a value, the others free: a function of the value. The
# free ones are the entries of each term's factor Lambda, unbounded (the criterion is even in its columns),
# with the rows of the parameter held first; the held row or pair is spelt by what is left free of it.
minimiser <- function(problem, parameter) {
  criterion <- held_criterion(problem, parameter)
  warm <- NULL
  function(value, again = FALSE) {
    starts <- criterion$starts
    if (!is.null(warm)) starts <- c(list(warm), if (again) starts)
    runs <- lapply(starts, function(start) lowest_from(function(free) criterion$at(value, free), start))
    best <- runs[[which.min(vapply(runs, function(run) run$value, 0))]]
    warm <<- best$free
    best$value
  }
}

lowest_from <- function(f, start) {
  if (!length(start)) return(list(value = f(start), free = start))
  control <- list(rel.tol = 1e-15, x.tol = 1e-12, iter.max = 1000L, eval.max = 5000L)
  run <- list(par = start, objective = f(start))
  for (round in 1:4) {
    next_run <- nlminb(run$par, f, control = control)
    gain <- run$objective - next_run$objective
    if (gain > 0) run <- next_run
    if (gain < 1e-10) break
  }
  list(value = run$objective, free = run$par)
}

# at(value, free) and where to start from: the optimum, and the optimum shrunk.
held_criterion <- function(problem, parameter) {
  blocks <- lambda_blocks(problem$theta, problem$sizes)
  entries <- function(b, first) {
    L <- retriangled(blocks[[b]], first)
    L[lower.tri(L, TRUE)]
  }
  held <- if (parameter$kind %in% c("sd", "cor")) parameter$block else 0L
  rest <- unlist(lapply(setdiff(seq_along(blocks), held), entries, first = integer()))
  theta_of <- function(own, rest) {
    from <- 0L
    unlist(lapply(seq_along(blocks), function(b) {
      q <- problem$sizes[b]
      if (b == held) return(own[lower.tri(own, TRUE)])
      L <- matrix(0, q, q)
      count <- q * (q + 1L) / 2L
      L[lower.tri(L, TRUE)] <- rest[from + seq_len(count)]
      from <<- from + count
      L[lower.tri(L, TRUE)]
    }))
  }
  at <- switch(parameter$kind,
    fixed = {
      criterion <- without_column(problem, parameter$k)
      function(value, free) criterion(value, theta_of(NULL, free))
    },
    sigma = function(value, free) criterion_with_sigma(problem, theta_of(NULL, free), value),
    held_at(problem, parameter, theta_of))
  start <- switch(parameter$kind,
    fixed = , sigma = rest,
    sd = c(log(problem$sigma), entries(held, parameter$k)[-1L], rest),
    cor = {
      L <- retriangled(blocks[[held]], parameter$k)
      c(L[1L, 1L], sqrt(L[2L, 1L]^2 + L[2L, 2L]^2), L[lower.tri(L, TRUE)][-held_entries(nrow(L))], rest)
    })
  shrunk <- start * 0.7 + 0.01
  if (parameter$kind == "sd") shrunk[1L] <- start[1L]
  list(at = at, starts = if (length(start)) list(start, shrunk) else list(start))
}

# Positions of the first two rows' entries among those of a lower triangle.
held_entries <- function(q) {
  place <- matrix(0L, q, q)
  place[lower.tri(place, TRUE)] <- seq_len(q * (q + 1L) / 2L)
  c(place[1L, 1L], place[2L, 1L], place[2L, 2L])
}

held_at <- function(problem, parameter, theta_of) {
  q <- problem$sizes[parameter$block]
  count <- q * (q + 1L) / 2L
  back <- order(c(parameter$k, setdiff(seq_len(q), parameter$k)))
  lower <- function(L) lower_again(L[back, , drop = FALSE])
  if (parameter$kind == "sd") return(function(value, free) {
    sigma <- exp(free[1L])
    L <- matrix(0, q, q)
    L[lower.tri(L, TRUE)] <- c(value / sigma, free[1L + seq_len(count - 1L)])
    criterion_with_sigma(problem, theta_of(lower(L), free[-seq_len(count)]), sigma)
  })
  taken <- held_entries(q)
  function(value, free) {
    L <- matrix(0, q, q)
    spelt <- numeric(count)
    length <- abs(free[1:2])  # of either sign, they would turn the correlation's
    spelt[taken] <- c(length[1L], length[2L] * value, length[2L] * sqrt(max(0, 1 - value^2)))
    spelt[-taken] <- free[2L + seq_len(count - 3L)]
    L[lower.tri(L, TRUE)] <- spelt
    problem$whole(unname(theta_of(lower(L), free[-seq_len(count - 1L)])))
  }
}

# Minus twice the log-likelihood at theta and sigma, the coefficients profiled out.
criterion_with_sigma <- function(problem, theta, sigma) {
  problem$whole(unname(theta))
  here <- environment(problem$whole)
  penalised <- here$resp$wrss() + here$pp$sqrL(1)
  here$pp$ldL2() + problem$n * log(2 * pi * sigma^2) - problem$log_weights + penalised / sigma^2
}

# The criterion of theta with coefficient k held: its column times the value goes into the offset.
without_column <- function(problem, k) {
  parts <- problem$parts[c("fr", "X", "reTrms", "REML")]
  column <- parts$X[, k]
  given <- model.offset(parts$fr)
  if (is.null(given)) given <- numeric(length(column))
  X <- parts$X[, -k, drop = FALSE]
  made_for <- NULL
  criterion <- NULL
  function(value, theta) {
    if (!identical(value, made_for)) {
      fr <- parts$fr
      fr[["(offset)"]] <- given + column * value
      attr(attr(fr, "terms"), "offset") <- NULL
      criterion <<- lme4::mkLmerDevfun(fr, X, parts$reTrms, REML = FALSE)
      made_for <<- value
    }
    criterion(unname(theta))
  }
}

# Lambda term by term from theta; the same with some rows first and triangular again.
lambda_blocks <- function(theta, sizes) {
  ends <- cumsum(sizes * (sizes + 1L) / 2L)
  lapply(seq_along(sizes), function(b) {
    L <- matrix(0, sizes[b], sizes[b])
    L[lower.tri(L, TRUE)] <- theta[seq(to = ends[b], length.out = sizes[b] * (sizes[b] + 1L) / 2L)]
    L
  })
}

retriangled <- function(L, first) lower_again(L[c(first, setdiff(seq_len(nrow(L)), first)), , drop = FALSE])

# The lower triangle with the same L L', also where that is singular; diagonal not negative.
lower_again <- function(L) {
  R <- qr.R(qr(t(L), LAPACK = FALSE, tol = 0))
  sign <- ifelse(diag(R) < 0, -1, 1)
  t(R * sign)
}

# From the estimate outwards until the criterion is high enough, then the root; or the end of what the
# parameter can be.
profile_bound <- function(problem, parameter, lowest, side, quantile) {
  end <- switch(parameter$kind, fixed = side * Inf, sd = , sigma = if (side < 0) 0 else Inf, cor = side)
  excess <- function(value, again = FALSE) lowest(value, again) - problem$lowest - quantile
  estimate <- parameter$estimate
  if (is.na(estimate)) return(list(value = NA_real_, excess = NA_real_, note = "no estimate"))
  at_end <- function(note) list(value = end, excess = 0, note = note)
  if (is.finite(end) && parameter$kind != "sigma") {
    if (estimate == end || excess(end, TRUE) <= 0) return(at_end(sprintf("the likelihood allows %g", end)))
  }
  step <- switch(parameter$kind, fixed = 2 * problem$errors[[parameter$k]],
                 cor = 0.2, max(0.3 * estimate, 0.05 * problem$sigma))
  inner <- estimate
  for (tries in 1:60) {
    outer <- estimate + side * step
    if (is.finite(end) && (side * (outer - end) >= 0)) outer <- (inner + end) / 2
    high <- excess(outer, tries == 1L)
    if (high > 0) break
    inner <- outer
    step <- 1.6 * step
  }
  if (high <= 0) return(list(value = side * Inf, excess = 0, note = "the likelihood has no bound here"))
  low <- if (inner == estimate) -quantile else excess(inner)
  root <- uniroot(excess, sort(c(inner, outer)), tol = 1e-9 * abs(outer - estimate), maxiter = 100L,
                  f.lower = if (inner < outer) low else high, f.upper = if (inner < outer) high else low)
  list(value = root$root, excess = excess(root$root, TRUE), note = character())
}
