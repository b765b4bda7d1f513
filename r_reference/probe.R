# Simple slopes and Johnson-Neyman regions of the arm's effect, asked of a fit besides its numbers.
#
#   asked <- besides("slopes", arm = "recipe", probe = list(moderator = "temp", values = c(175, 200)))
#   fit_lm(angle ~ recipe * temp, lme4::cake, besides = asked)
#
# The effect is each arm less the first, or each pair of `compare`; where a term has arm, time and
# moderator, the difference between the changes since the first time. It is made of marginal means at
# values of the moderator, so that no coding matters. Its degrees of freedom are those of the contrast at
# every value.

# The effect at the values asked for, one row each.
probe_slopes <- function(model, asked) {
  probe <- asked$probe
  observed <- probe_values(model, probe)
  at <- vapply(seq_along(probe$values), function(i)
    if (nzchar(probe$names[i])) named_value(probe$names[i], observed) else probe$values[i], 0)
  text <- ifelse(nzchar(probe$names), probe$names, as.character(probe$values))
  unlist(lapply(probed_effects(model, asked), function(effect) {
    rows <- effect_rows(model, asked, effect, at)
    lapply(seq_along(at), function(i) {
      found <- contrast_row(model, rows[i, ], "", model$level)
      c(list(term = sprintf("%s | %s=%s", effect$name, spelt(probe$moderator), text[i]),
             slope = found$estimate), found[-(1:2)])
    })
  }), recursive = FALSE)
}

# The bounds of each effect's region: lower and upper.
probe_bounds <- function(model, asked) {
  probe <- asked$probe
  observed <- probe_values(model, probe)
  lower <- upper <- list()
  for (effect in probed_effects(model, asked)) {
    pair <- polynomial(model, asked, effect, observed)
    test <- pair_test(model, pair)
    fdr <- probe$control == "fdr"
    alpha <- if (fdr) false_discovery_level(test, probe$alpha, observed) else probe$alpha
    region <- johnson_neyman(test, alpha, observed)
    named <- function(end, outside = FALSE) {
      parts <- c(paste(effect$name, "by", spelt(probe$moderator)), if (fdr) "fdr", region$topology,
                 if (nzchar(end)) end, if (outside) "extrapolated")
      sprintf("jn(%s)", paste(parts, collapse = ", "))
    }
    bounds <- region$bounds
    if (!length(bounds))
      lower <- c(lower, list(list(term = named(""), jn_low = NaN, std_error = NaN, df = NaN)))
    for (i in seq_along(bounds)) {
      end <- if (i == 1L) "low" else if (i == length(bounds)) "high" else as.character(i - 1L)
      row <- list(term = named(end, !bounds[[i]]$observed), bounds[[i]]$value, std_error = bounds[[i]]$unit, df = bounds[[i]]$df)
      names(row)[2L] <- if (i == 1L) "jn_low" else "jn_high"
      if (i == 1L) lower <- c(lower, list(row)) else upper <- c(upper, list(row))
    }
  }
  list(lower = lower, upper = upper)
}

# The moderator's values, one a patient where patients are named.
probe_values <- function(model, probe) {
  if (!probe$moderator %in% names(model$data)) refuse("no moderator `", probe$moderator, "`")
  w <- used_rows(model)[[probe$moderator]]
  if (!is.numeric(w)) refuse("the moderator `", probe$moderator, "` is not a number")
  found <- moderator_values(model, as.double(w), probe$per)
  if (diff(range(found)) == 0) refuse("the moderator `", probe$moderator, "` has one value")
  found
}

# mean, median, mean-2sd, mean+sd, q25.
named_value <- function(name, observed) {
  if (name == "mean") return(mean(observed))
  if (name == "median") return(median(observed))
  if (grepl("^q[0-9.]+$", name)) return(unname(quantile(observed, as.double(substring(name, 2L)) / 100)))
  if (!grepl("^mean[-+][0-9.]*sd$", name)) refuse("no value of a moderator is called `", name, "`")
  times <- gsub("^mean[-+]|sd$", "", name)
  sign <- if (substring(name, 5L, 5L) == "-") -1 else 1
  mean(observed) + sign * (if (nzchar(times)) as.double(times) else 1) * sd(observed)
}

# Which effects: name, and by column the level and its reference.
probed_effects <- function(model, asked) {
  if (is.null(asked$arm)) refuse("a probe needs an arm")
  columns <- lapply(Filter(Negate(is.null), asked[c("arm", "time")]), with_levels, model)
  moderator <- asked$probe$moderator
  if (!together(model, columns$arm$column, moderator))
    refuse("no term has both `", columns$arm$column, "` and `", moderator, "`")
  timed <- !is.null(columns$time) && together(model, columns$arm$column, columns$time$column, moderator)
  if (!timed) columns <- columns["arm"]
  less <- function(part, p) paste(spelt(columns[[part]]$levels[p]), collapse = " - ")
  pair <- function(part, p) columns[[part]]$values[p]
  arms <- arm_pairs(columns$arm$levels, asked$compare)
  if (!timed)
    return(lapply(arms, function(a)
      list(name = less("arm", a), columns = columns, pairs = list(arm = pair("arm", a)))))
  times <- lapply(seq_along(columns$time$levels)[-1L], function(t) c(t, 1L))
  unlist(lapply(times, function(t) lapply(arms, function(a)
    list(name = sprintf("(%s) x (%s)", less("arm", a), less("time", t)), columns = columns,
         pairs = list(arm = pair("arm", a), time = pair("time", t))))), recursive = FALSE)
}

# The effect as a contrast of the coefficients at each value of the moderator: (values, coefficients).
effect_rows <- function(model, asked, effect, at) {
  names <- vapply(effect$columns, function(one) one$column, "")
  number <- vapply(effect$columns, function(one) one$number, NA)
  where <- c(setNames(list(sort(unique(at))), asked$probe$moderator),
             setNames(effect$pairs[names(names)[number]], names[number]))
  grid <- reference_grid(model, where)
  means <- suppressMessages(emmeans::emmeans(grid$grid, c(unname(names), asked$probe$moderator),
                                             weights = asked$weights))
  # Signs of the product of differences: the level less its reference, in each column.
  signs <- Reduce(`*`, lapply(names(effect$pairs), function(part) {
    values <- means@grid[[names[[part]]]]
    pair <- effect$pairs[[part]]
    if (!all(pair %in% values))
      refuse("`", names[[part]], "` has no rows at `", setdiff(pair, as.vector(values))[1L], "`")
    (values == pair[1L]) - (values == pair[2L])
  }))
  if (ncol(means@linfct) != length(model_beta(model)))
    refuse("the data do not determine every coefficient")
  t(vapply(at, function(value) {
    here <- means@grid[[asked$probe$moderator]] == value
    colSums(means@linfct[here, , drop = FALSE] * signs[here])
  }, numeric(ncol(means@linfct))))
}

# The effect as a polynomial in the moderator, z from -1 to 1 over the values observed: rows are the
# contrasts c_k of sum_k z^k c_k, through the values at degree + 1 places. Refused where it is none.
polynomial <- function(model, asked, effect, observed) {
  origin <- sum(range(observed)) / 2
  unit <- diff(range(observed)) / 2
  rows_at <- function(z) effect_rows(model, asked, effect, origin + unit * z)
  between <- c(-0.4, 0.83, 0.17)  # where every degree is held against the effect itself
  for (degree in seq_len(highest_degree)) {
    z <- cos(pi * (degree:0) / degree)
    found <- rows_at(c(z, between))
    size <- max(abs(found))
    at <- seq_along(z)
    c_k <- solve(outer(z, 0:degree, `^`), found[at, , drop = FALSE])
    off <- outer(between, 0:degree, `^`) %*% c_k - found[-at, , drop = FALSE]
    if (max(abs(off)) > 1e-9 * size) next
    # What cancels between means leaves rounding, which would be a coefficient.
    c_k[abs(c_k) <= 1e-13 * size] <- 0
    used <- c_k[seq_len(max(2L, which(rowSums(c_k != 0) > 0))), , drop = FALSE]
    return(list(rows = unname(used), beta = drop(used %*% model_beta(model)), origin = origin, unit = unit))
  }
  refuse("the effect is no polynomial in `", asked$probe$moderator, "`")
}

highest_degree <- 8L

# What a probe must say, from an R prompt or in a request.
probe_of <- function(probe) {
  if (is.null(probe)) return(NULL)
  only_keys(probe, c("moderator", "names", "values", "per", "alpha", "control"), "probe")
  values <- numbers(probe$values, "values")
  named <- if (is.null(probe$names)) rep("", length(values)) else texts(probe$names, "names")
  if (length(named) != length(values)) refuse("`names` and `values` are not of one length")
  list(moderator = one_text(probe$moderator, "moderator"), names = named, values = values,
       per = optional(probe$per, one_text, "per"),
       alpha = if (is.null(probe$alpha)) 0.05 else level_of(probe$alpha, "alpha"),
       control = if (is.null(probe$control)) "none" else one_choice(probe$control, "control", c("none", "fdr")))
}
