# Does an effect depend on a moderator: simple slopes and the Johnson-Neyman region.
#
#   sleep <- transform(lme4::sleepstudy, age = 20 + 7 * as.integer(Subject) %% 40)
#   model <- reference_model(Reaction ~ Days * age + (Days | Subject), sleep)
#   moderation(model, effect = "Days", moderator = "age", values = c(20, 40), mean_sd = TRUE)
#
# effect is the coefficient of a column of X; the model must have one column that is this one times the
# moderator, which is checked on every row, and no other that the product could be. The simple slope
# at m is L(m)'beta with L(m) = effect + m * product; other columns in which the effect takes part
# stand at zero. Tests are t tests on the df of L(m), at every m anew (Bauer & Curran 2005,
# Multivariate Behav. Res. 40, 373-400; Johnson & Neyman 1936, Stat. Res. Mem. 1, 57-93).
#
# In the plane of the two coefficients, divided by the root of their covariance, L(m) is a direction
# that turns by an angle u from -pi/2 to pi/2 as m goes from -Inf to Inf, and the t statistic is
# R cos(u - u0): R^2 is the Wald chi-square of both coefficients. Bounds are where |t| crosses the
# t quantile; they are searched in u, so that neither the moderator's unit nor its origin matters.
# A probe's effect (probe.R) may be a polynomial in m: L(m) is then a curve, and the search the same.

# per: a grouping column; mean and sd are then over its levels, not over rows. level: of the slopes'
# intervals; alpha: of the region.
moderation <- function(model, effect, moderator, values = numeric(), mean_sd = FALSE, per = NULL,
                       level = model$level, alpha = 0.05) {
  answer_on(model, {
    pair <- moderated_pair(model, effect, moderator)
    observed <- moderator_values(model, pair$moderator, per)
    at <- as.double(values)
    names <- rep("value", length(at))
    if (mean_sd) {
      if (length(observed) < 2L) refuse("the moderator has no standard deviation")
      at <- c(at, mean(observed) + c(-1, 0, 1) * sd(observed))
      names <- c(names, "mean - sd", "mean", "mean + sd")
    }
    test <- pair_test(model, pair)
    list(effect = effect, product = pair$product_name, moderator = moderator,
         moderator_mean = mean(observed), moderator_sd = sd(observed),
         moderator_min = min(observed), moderator_max = max(observed), moderator_n = length(observed),
         coefficients = list(effect = pair$beta[[1L]], product = pair$beta[[2L]]),
         covariance = matrix_rows(test$V),
         slopes = slope_rows(test, at, names, level, model$df_method),
         johnson_neyman = johnson_neyman(test, alpha, observed))
  })
}

# The effect's coefficient, the product's, and the moderator's values by row.
moderated_pair <- function(model, effect, moderator) {
  X <- model_x(model)
  if (!effect %in% colnames(X))
    refuse("no coefficient `", effect, "`; there are: ", paste(colnames(X), collapse = ", "))
  w <- moderator_column(model, X, moderator)
  wanted <- X[, effect] * w
  size <- max(abs(wanted))
  if (size == 0) refuse("`", effect, "` times `", moderator, "` is zero in every row")
  same <- apply(abs(X - wanted), 2L, max) <= 1e-12 * size
  same[effect] <- FALSE
  # With an intercept alone, the moderator's own column is the product.
  if (sum(same) != 1L)
    refuse(if (any(same)) "several columns are" else "no column of the model is", " `", effect,
           "` times `", moderator, "`")
  product <- which(same)
  straight_line(model, match(effect, colnames(X)), product, moderator)
  columns <- c(match(effect, colnames(X)), product)
  list(rows = diag(ncol(X))[columns, , drop = FALSE], moderator = w,
       product_name = colnames(X)[product],
       beta = unname(model_beta(model)[c(effect, colnames(X)[product])]))
}

# Refuses an effect that other functions of the moderator multiply too, as x does in x * (m + I(m^2)):
# its slope is no straight line in m.
straight_line <- function(model, effect, product, moderator) {
  parts <- terms(model$fit)
  owner <- if (model$mixed) attr(lme4::getME(model$fit, "X"), "assign")
           else attr(model.matrix(model$fit), "assign")[!is.na(coef(model$fit))]
  if (is.null(owner)) refuse("the columns of X cannot be told by term")
  variables <- lapply(as.list(attr(parts, "variables"))[-1L], all.vars)
  incidence <- attr(parts, "factors") > 0
  own <- if (owner[effect] == 0L) rep(FALSE, nrow(incidence)) else incidence[, owner[effect]]
  # A moderator such as center(age) is the column age, which its own term holds.
  moderated <- if (moderator %in% names(model$data)) moderator
               else unlist(variables[incidence[, owner[product]] & !own])
  # One of several columns, such as poly(age, 2)1, does not move without the others.
  others <- frame_names(parts)[incidence[, owner[product]] & !own]
  if (any(vapply(model.frame(model$fit)[others], function(x) is.matrix(x) && ncol(x) > 1L, NA)))
    refuse("the moderator `", moderator, "` is one of several columns of its term")
  for (k in seq_len(ncol(incidence))) {
    more <- unique(unlist(variables[incidence[, k] & !own]))
    if (k != owner[product] && all(incidence[own, k]) && length(more) && all(more %in% moderated))
      refuse("`", attr(parts, "term.labels")[k], "` bends the effect in the moderator: its slope is ",
             "no straight line")
  }
}

# A column of X of that name, such as center(age), else of the data.
moderator_column <- function(model, X, moderator) {
  if (moderator %in% colnames(X)) return(unname(X[, moderator]))
  if (!moderator %in% names(model$data)) refuse("no moderator `", moderator, "`")
  w <- used_rows(model)[[moderator]]
  if (!is.numeric(w)) refuse("the moderator `", moderator, "` is not a number")
  if (anyNA(w)) refuse("the moderator `", moderator, "` is missing in rows that the model uses")
  as.double(w)
}

moderator_values <- function(model, w, per) {
  if (is.null(per)) return(w)
  if (!per %in% names(model$data)) refuse("no column `", per, "`")
  group <- as.character(used_rows(model)[[per]])
  first <- !duplicated(group)
  if (any(w != w[first][match(group, group[first])]))
    refuse("the moderator varies within `", per, "`")
  w[first]
}

# What is tested at every value m of the moderator: the effect sum_k z^k b_k with z = (m - origin) / unit,
# a straight line in m itself unless the pair says otherwise. beta, V (d + 1, d + 1) and df(a) are of
# a[1] b_0 + a[2] b_1 + ...; the pair's rows are these as contrasts of the model's coefficients.
pair_test <- function(model, pair) {
  row <- function(a) drop(a %*% pair$rows)
  V <- pair$rows %*% test_vcov(model) %*% t(pair$rows)
  exact <- switch(model$df_method,
    z = function(a) Inf,
    residual = function(a) residual_df(model),
    satterthwaite = if (is_repeated(model)) function(a) df_of(model, row(a)) else
      function(a) lmerTest::contest1D(model$fit, row(a), ddf = "Satterthwaite")$df,
    "kenward-roger" = function(a) pbkrtest::Lb_ddf(row(a), vcov(model$fit), model$adjusted))
  origin <- if (is.null(pair$origin)) 0 else pair$origin
  unit <- if (is.null(pair$unit)) 1 else pair$unit
  powers <- seq_along(pair$beta) - 1L
  list(beta = pair$beta, V = unname(V), df = exact, quick_df = quick_df(model, pair, exact),
       origin = origin, unit = unit,
       at = function(m) ((m - origin) / unit)^powers,
       steep_at = function(m) c(0, powers[-1L] * ((m - origin) / unit)^(powers[-1L] - 1) / unit))
}

# The same df a thousand times quicker, for the search: 2 (a'Phi a)^2 / (g'W g) with g_i = a'D_i a,
# D_i the derivatives of Phi by the covariance parameters and W their covariance; for one contrast
# Kenward and Roger's df is of this form with D_i = Phi P_i Phi. Compared with lmerTest's or pbkrtest's
# at every bound it leads to.
quick_df <- function(model, pair, exact) {
  if (is_repeated(model)) return(exact)
  pieces <- switch(model$df_method,
    satterthwaite = list(D = model$fit@Jac_list, W = model$fit@vcov_varpar),
    "kenward-roger" = {
      Phi <- model_vcov(model)
      list(D = lapply(attr(model$adjusted, "P"), function(P) Phi %*% as.matrix(P) %*% Phi),
           W = as.matrix(attr(model$adjusted, "W")))
    })
  if (is.null(pieces)) return(exact)
  of_pair <- function(M) pair$rows %*% as.matrix(M) %*% t(pair$rows)
  Phi <- of_pair(model_vcov(model))
  D <- lapply(pieces$D, of_pair)
  function(a) {
    g <- vapply(D, function(D) drop(a %*% D %*% a), 0)
    2 * drop(a %*% Phi %*% a)^2 / drop(g %*% pieces$W %*% g)
  }
}

slope_rows <- function(test, at, names, level, df_method) {
  lapply(seq_along(at), function(i) {
    a <- c(1, at[i])
    one <- test_rows(names[i], sum(a * test$beta), sqrt(drop(a %*% test$V %*% a)), test$df(a), level)[[1L]]
    c(list(value = at[i], at = names[i]), one[-1L], list(df_method = df_method))
  })
}

# bounds: where the slope's test is exactly at alpha; regions: from where to where it is significant
# or not; topology over all values and within those observed: none, all, inside (significant between
# two bounds), outside (beyond them), one-sided, several. Bounds ascend.
johnson_neyman <- function(test, alpha, observed, points = 1441L) {
  turn <- turning(test)
  excess <- function(u) {
    a <- turn$weights(u)
    abs(turn$t(u)) - qt(1 - alpha / 2, test$quick_df(a))
  }
  roots <- crossings(excess, points)
  bounds <- sort(turn$moderator(roots))
  ends <- sort(roots)
  inner <- (c(-pi / 2, ends) + c(ends, pi / 2)) / 2
  significant <- vapply(inner, excess, 0) > 0
  edges <- c(-Inf, bounds, Inf)
  range <- range(observed)
  within <- bounds > range[1L] & bounds < range[2L]
  touched <- edges[-length(edges)] < range[2L] & edges[-1L] > range[1L]
  list(alpha = alpha,
       bounds = lapply(bounds, function(m) bound_row(test, m, range)),
       regions = lapply(seq_along(inner), function(i)
         list(from = edges[i], to = edges[i + 1L], significant = significant[i])),
       topology = topology_of(significant),
       topology_observed = topology_of(if (diff(range) > 0) significant[touched]
                                       else significant[findInterval(range[1L], edges, all.inside = TRUE)]),
       bounds_observed = sum(within),
       share_significant = mean(significant[findInterval(observed, edges, all.inside = TRUE)]))
}

# The level at which no more than alpha of the discoveries over the values observed are expected to be
# false: Benjamini and Hochberg's over the distinct values (Esarey & Sumner 2018, Comp. Polit. Stud. 51).
false_discovery_level <- function(test, alpha, observed) {
  values <- unique(observed)
  p <- vapply(values, function(m) {
    a <- test$at(m)
    2 * pt(-abs(sum(a * test$beta)) / sqrt(drop(a %*% test$V %*% a)), test$df(a))
  }, 0)
  passed <- max(1, sum(p.adjust(p, "BH") <= alpha))
  alpha * passed / length(values)
}

bound_row <- function(test, m, range) {
  a <- test$at(m)
  error <- sqrt(drop(a %*% test$V %*% a))
  df <- test$df(a)
  if (is.finite(df) && abs(test$quick_df(a) / df - 1) > 1e-6) stop("the df of the search are off")
  # How fast t changes with the moderator: its inverse moves t by one.
  da <- test$steep_at(m)
  steep <- sum(da * test$beta) / error - sum(a * test$beta) * drop(a %*% test$V %*% da) / error^3
  list(value = m, estimate = sum(a * test$beta), std_error = error, df = df, unit = 1 / abs(steep),
       observed = m >= range[1L] && m <= range[2L])
}

topology_of <- function(significant) {
  runs <- rle(significant)$values
  if (length(runs) == 1L) return(if (runs) "all" else "none")
  if (length(runs) == 2L) return("one-sided")
  if (length(runs) == 3L) return(if (runs[2L]) "inside" else "outside")
  "several"
}

# The angle u: z = centre + spread tan(u). Of a straight line centre is the z with the smallest error, and t
# a cosine of u; of what is bent they are 0 and 1, the middle and half the range observed.
turning <- function(test) {
  degree <- length(test$beta) - 1L
  v <- test$V
  centre <- 0
  spread <- 1
  if (degree == 1L) {
    spread <- sqrt(max(0, v[1L, 1L] * v[2L, 2L] - v[1L, 2L]^2)) / v[2L, 2L]
    if (!is.finite(spread) || spread <= 0) refuse("the two coefficients' covariance is singular")
    centre <- -v[1L, 2L] / v[2L, 2L]
  }
  powers <- 0:degree
  # L times cos(u)^degree, so that it is finite for every u; a positive factor changes no test.
  weights <- function(u) (centre * cos(u) + spread * sin(u))^powers * cos(u)^(degree - powers)
  list(weights = weights,
       t = function(u) {
         a <- weights(u)
         sum(a * test$beta) / sqrt(drop(a %*% v %*% a))
       },
       moderator = function(u) test$origin + test$unit * (centre + spread * tan(u)))
}

# Where f changes sign between -pi/2 and pi/2, to the last digits.
crossings <- function(f, points) {
  u <- seq(-pi / 2, pi / 2, length.out = points)
  value <- vapply(u, f, 0)
  if (!all(is.finite(value))) refuse("the slope has no degrees of freedom at some moderator values")
  # Where f comes nearest to zero without having crossed, it may do so between two points, twice.
  inner <- seq_len(points)[-c(1L, points)]
  nearest <- abs(value[inner]) <= abs(value[inner - 1L]) & abs(value[inner]) <= abs(value[inner + 1L]) &
    value[inner] * value[inner - 1L] > 0 & value[inner] * value[inner + 1L] > 0
  for (k in inner[nearest]) {
    side <- sign(value[k])
    found <- optimize(function(x) side * f(x), u[c(k - 1L, k + 1L)], tol = 1e-10)
    if (found$objective < 0) {
      u <- c(u, found$minimum)
      value <- c(value, side * found$objective)
    }
  }
  order <- order(u)
  u <- u[order]
  value <- value[order]
  roots <- u[value == 0 & abs(u) < pi / 2]
  for (k in which(value[-1L] * value[-length(value)] < 0))
    roots <- c(roots, uniroot(f, u[k + 0:1], f.lower = value[k], f.upper = value[k + 1L],
                              tol = 1e-15, maxiter = 200L)$root)
  roots
}
