# What a fit is asked besides: marginal means, contrasts of them, tests of terms, effect sizes.
#
#   asked <- besides(c("emmeans", "contrasts", "anova"), arm = "recipe", time = "temperature")
#   fit_lmer(angle ~ recipe * temperature + (1 | replicate), lme4::cake, besides = asked)
#   fit_lm(angle ~ recipe * temp, lme4::cake, besides = besides("effect_size", arm = "recipe"))
#
# Means are those of arm and time, for each level of the one at each of the other. Contrasts are each arm
# less the first, or the pairs that `compare` names, at each time, `B - A | time=2`, and where a term has
# both, the difference of the changes since the first time, `(B - A) x (2 - 0)`; without an arm each time
# less the first. With the part `changes` each arm's own change stands below these differences,
# `2 - 0 | recipe=A`. A time that is a number in the model stands at its levels. A level without rows has
# no mean: its numbers are missing.

besides_parts <- c("emmeans", "contrasts", "anova", "effect_size", "slopes", "johnson_neyman", "changes",
                   "d_ppc2", "hedges_g", "responders", "robust", "leave_one_out", "imputed", "hypotheses")
# Those that need no means: of terms, of the observed values (observed.R), of the coefficients.
no_means <- c("anova", "d_ppc2", "hedges_g", "responders", "robust", "leave_one_out", "imputed", "hypotheses")

# arm, time: a column, or list(column, levels); weights: of what the means are averaged over; by_sd, sd,
# baseline, per: the unit of effect sizes, as in standardised(), a baseline pooled over pooled_over;
# probe: list(moderator, values, names, per, alpha) for slopes and johnson_neyman (probe.R);
# compare: list(c("C", "B"), c("C", "A")), the pairs of arms, the first less the second; observed:
# list(patient, outcome, arm, time, responder) for d_ppc2, hedges_g and responders (observed.R);
# robust: list(kind, cluster) (robust.R); leave_one_out: list(patient, arm) (leave_one_out.R);
# imputed: for imputed (imputation_of() in impute.R); hypotheses: a list of list(name, rows, equals)
# (hypotheses.R).
besides <- function(parts = besides_parts[1:4], arm = NULL, time = NULL, weights = "equal", by_sd = "total",
                    sd = NULL, baseline = NULL, per = NULL, pooled_over = NULL, probe = NULL, compare = NULL,
                    observed = NULL, robust = NULL, leave_one_out = NULL, imputed = NULL,
                    hypotheses = list()) {
  if (!all(parts %in% besides_parts)) refuse("besides: no part `", setdiff(parts, besides_parts)[1L], "`")
  if (!weights %in% mean_weights) refuse("unknown weights `", weights, "`")
  if (!by_sd %in% sd_names) refuse("no standard deviation `", by_sd, "`")
  column <- function(one) if (is.character(one)) list(column = one) else one
  arm <- column(arm)
  list(parts = parts, arm = arm, time = column(time), weights = weights, by_sd = by_sd, sd = sd,
       baseline = baseline, per = per, pooled_over = if (is.null(pooled_over)) arm$column else pooled_over,
       probe = probe_of(probe), compare = lapply(compare, pair_of_arms), observed = observed_of(observed),
       robust = robust_of(robust), leave_one_out = left_out_of(leave_one_out),
       imputed = imputation_of(imputed), hypotheses = lapply(as.list(hypotheses), hypothesis_of))
}

pair_of_arms <- function(pair) {
  pair <- texts(pair, "compare")
  if (length(pair) != 2L || pair[1L] == pair[2L]) refuse("`compare` has a pair that is not two arms")
  pair
}

# Positions of the arms compared, the first less the second.
arm_pairs <- function(levels, compare) {
  if (!length(compare)) return(lapply(seq_along(levels)[-1L], function(a) c(a, 1L)))
  lapply(compare, function(pair) {
    at <- match(pair, levels)
    if (anyNA(at)) refuse("no arm `", pair[is.na(at)][1L], "`")
    at
  })
}

# The parts of an answer that were asked for, and by name of the part why one could not be answered.
answer_besides <- function(model, asked) {
  if (is.null(asked)) return(list())
  refused <- list()
  part <- function(name, rows) {
    if (!name %in% asked$parts) return(NULL)
    tryCatch(rows, error = function(e) {
      refused[[name]] <<- gsub("[[:space:]]+", " ", conditionMessage(e))
      list()
    })
  }
  means <- NULL
  of_means <- function() {
    if (is.null(means)) means <<- design_means(model, asked)
    means
  }
  found <- list(emmeans = part("emmeans", of_means()$rows()),
                contrasts = part("contrasts", of_means()$contrasts()),
                anova = part("anova", tests_of_terms(model)),
                effect_sizes = part("effect_size", effect_sizes(model, asked, of_means()$contrasts(FALSE))),
                slopes = part("slopes", probe_slopes(model, asked)),
                robust = part("robust", robust_tests(model, asked$robust)),
                leave_one_out = part("leave_one_out", left_out(model, asked$leave_one_out)),
                imputed = part("imputed", imputed_rows(model, asked$imputed)))
  found <- Filter(Negate(is.null), found)
  found$d_ppc2 <- part("d_ppc2", as.list(change_sizes(model, asked)))
  found$hedges_g <- part("hedges_g", as.list(group_sizes(model, asked)))
  counted <- part("responders", responder_tables(model, asked))
  if (!is.null(counted))
    found <- c(found, list(responders = as.list(counted$by_arm), risk_differences = as.list(counted$compared)))
  bounds <- part("johnson_neyman", probe_bounds(model, asked))
  if (!is.null(bounds))
    found <- c(found, list(lower_bounds = as.list(bounds$lower), upper_bounds = as.list(bounds$upper)))
  tests <- part("hypotheses", hypothesis_tests(model, asked$hypotheses))
  if (!is.null(tests))
    found <- c(found, list(hypotheses = as.list(tests$single), joint_hypotheses = as.list(tests$joint)))
  if (length(refused)) c(found, list(refused = refused)) else found
}

# Rows of the means, and of their contrasts, each computed when called.
design_means <- function(model, asked) {
  columns <- lapply(Filter(Negate(is.null), asked[c("arm", "time")]), with_levels, model)
  if (!length(columns)) refuse("neither an arm nor a time whose means could be taken")
  names <- vapply(columns, function(one) one$column, "")
  at <- lapply(Filter(function(one) one$number, columns), function(one) one$values)
  names(at) <- unlist(lapply(Filter(function(one) one$number, columns), function(one) one$column))
  check_means(model, unname(names), character(), at, asked$weights)
  # Of a formula such as visit + arm:visit emmeans would say that arms are nested in visits, and refuse
  # contrasts across them.
  grid <- reference_grid(model, at, list(nesting = NULL))
  means <- suppressMessages(emmeans::emmeans(grid$grid, unname(names), weights = asked$weights))
  # The row of the grid that each cell is: NA where its level has no row of data.
  cells <- expand.grid(lapply(columns, function(one) seq_along(one$levels)))
  place <- function(i) {
    here <- Reduce(`&`, lapply(names(columns), function(part) {
      one <- columns[[part]]
      means@grid[[one$column]] == one$values[cells[[part]][i]]
    }))
    match(TRUE, here)
  }
  places <- vapply(seq_len(nrow(cells)), place, 1L)
  known <- !is.na(places)
  own <- if (any(known)) means[places[known]]
  number <- cumsum(known)
  level <- model$level
  list(
    rows = function() {
      found <- if (any(known)) mean_rows(own, grid$df_method, "none", level)
      lapply(seq_len(nrow(cells)), function(i) {
        spelt <- vapply(names(columns), function(part)
          paste0(spelt(columns[[part]]$column), "=", spelt(columns[[part]]$levels[cells[[part]][i]])), "")
        row <- if (known[i]) found[[number[i]]]
        c(list(term = paste(spelt, collapse = ", ")),
          taken(row, c(emmean = "estimate", std_error = "std_error", df = "df", conf_low = "conf_low",
                       conf_high = "conf_high")))
      })
    },
    contrasts = function(changes = "changes" %in% asked$parts) {
      wanted <- contrasts_of_cells(model, columns, cells, asked$compare, changes)
      complete <- vapply(wanted, function(one) all(known[one$cells]), NA)
      coefficients <- lapply(wanted[complete], function(one) {
        row <- numeric(sum(known))
        row[number[one$cells]] <- one$signs
        row
      })
      names(coefficients) <- sprintf("c%d", seq_along(coefficients))
      found <- if (length(coefficients))
        mean_rows(emmeans::contrast(own, coefficients, by = NULL), grid$df_method, "none", level)
      lapply(seq_along(wanted), function(i) {
        row <- if (complete[i]) found[[sum(complete[seq_len(i)])]]
        c(list(term = wanted[[i]]$term),
          taken(row, c(contrast = "estimate", std_error = "std_error", df = "df", statistic = "statistic",
                       p_value = "p_value", conf_low = "conf_low", conf_high = "conf_high")))
      })
    })
}

# Numbers of a row under their names here; missing where there is no row, or no estimate in it.
taken <- function(row, names) {
  missing <- is.null(row) || is.na(row$estimate)
  lapply(names, function(name) if (missing) NA_real_ else as.double(row[[name]]))
}

# A column with its levels as texts, their values in the model, and whether it is a number there.
with_levels <- function(asked, model) {
  values <- model$data[[asked$column]]
  if (is.null(values)) refuse("no column `", asked$column, "`")
  levels <- asked$levels
  if (is.null(levels))
    levels <- if (is.factor(values)) levels(values) else as.character(sort(unique(values)))
  if (!is.numeric(values))
    return(list(column = asked$column, levels = levels, values = levels, number = FALSE))
  numbers <- if (is.null(asked$numbers)) as.double(levels) else asked$numbers
  if (length(numbers) != length(levels) || anyNA(numbers))
    refuse("`", asked$column, "` is a number, and its levels are not")
  # Within factor() only the values that occur have a mean.
  list(column = asked$column, levels = levels, values = numbers,
       number = !asked$column %in% columns_in_factors(model))
}

# Columns that the model has as factors, if only by a call.
columns_in_factors <- function(model) {
  frame <- model.frame(model$fit)
  variables <- as.list(attr(terms(lme4::nobars(model$formula)), "variables"))[-(1:2)]
  unlist(lapply(variables, function(variable)
    if (is.factor(frame[[frame_name(variable)]])) all.vars(variable)))
}

# Term, cells and their signs of each contrast asked for.
contrasts_of_cells <- function(model, columns, cells, compare, changes) {
  size <- lapply(columns, function(one) length(one$levels))
  text <- function(part, i) spelt(columns[[part]]$levels[i])
  at <- function(part, i) if (is.null(columns[[part]])) TRUE else cells[[part]] == i
  cell <- function(arm, time) which(at("arm", arm) & at("time", time))
  less <- function(part, i, base = 1L) paste(text(part, i), "-", text(part, base))
  found <- list()
  add <- function(term, cells, signs) found <<- c(found, list(list(term = term, cells = cells, signs = signs)))
  others <- function(part) seq_len(size[[part]])[-1L]
  if (is.null(columns$arm)) {
    for (t in others("time")) add(less("time", t), c(cell(NULL, t), cell(NULL, 1L)), c(1, -1))
    return(found)
  }
  pairs <- arm_pairs(columns$arm$levels, compare)
  if (is.null(columns$time)) {
    for (p in pairs) add(less("arm", p[1L], p[2L]), c(cell(p[1L], NULL), cell(p[2L], NULL)), c(1, -1))
    return(found)
  }
  for (t in seq_len(size$time)) for (p in pairs)
    add(paste0(less("arm", p[1L], p[2L]), " | ", spelt(columns$time$column), "=", text("time", t)),
        c(cell(p[1L], t), cell(p[2L], t)), c(1, -1))
  if (together(model, columns$arm$column, columns$time$column))
    for (t in others("time")) {
      for (p in pairs)
        add(sprintf("(%s) x (%s)", less("arm", p[1L], p[2L]), less("time", t)),
            c(cell(p[1L], t), cell(p[2L], t), cell(p[1L], 1L), cell(p[2L], 1L)), c(1, -1, -1, 1))
      if (changes) for (a in sort(unique(unlist(pairs))))
        add(paste0(less("time", t), " | ", spelt(columns$arm$column), "=", text("arm", a)),
            c(cell(a, t), cell(a, 1L)), c(1, -1))
    }
  found
}

# Whether a term of the fixed part has all these columns; without one, changes do not differ.
together <- function(model, ...) {
  parts <- terms(lme4::nobars(model$formula))
  variables <- lapply(as.list(attr(parts, "variables"))[-1L], all.vars)
  any(apply(attr(parts, "factors") > 0, 2L, function(column)
    all(c(...) %in% unlist(variables[column]))))
}

# A name or level as terms have it: in quotes where its characters would be taken for those of a term.
spelt <- function(text) {
  plain <- nzchar(text) & !grepl('["\\,=|()]|^ | $|(^| )[-x]( |$)', text)
  escaped <- gsub('"', '\\"', gsub("\\", "\\\\", text, fixed = TRUE), fixed = TRUE)
  ifelse(plain, text, paste0('"', escaped, '"'))
}

# Type III, one row a term. Its name says what it is: a coefficient may have the same.
tests_of_terms <- function(model) {
  rows <- if (is_repeated(model)) repeated_terms(model)
          else if (model$mixed) mixed_terms(model, 3L) else linear_terms(model, 3L)
  lapply(rows, function(row)
    c(list(term = paste0("anova(", row$term, ")")), row[c("num_df", "den_df", "f_value", "p_value")]))
}

# The contrasts in standard deviations, each with the one it was divided by.
effect_sizes <- function(model, asked, contrasts) {
  sd <- unit_sd(model, asked$by_sd, asked$sd, asked$baseline, asked$pooled_over, asked$per)
  lapply(contrasts, function(row)
    list(term = row$term, d = row$contrast / sd, d_low = row$conf_low / sd, d_high = row$conf_high / sd,
         sd = sd))
}

# What a request asks besides the fit, or nothing.
asked_besides <- function(asked) {
  if (is.null(asked)) return(NULL)
  only_keys(asked, c("parts", "arm", "time", "weights", "by_sd", "sd", "baseline", "per",
                     "pooled_over", "probe", "compare", "observed", "robust", "leave_one_out",
                     "imputed", "hypotheses"), "besides")
  column <- function(one, name) if (!is.null(one)) {
    only_keys(one, c("column", "levels", "numbers"), name)
    list(column = one_text(one$column, name), levels = texts(one$levels, name),
         numbers = if (!is.null(one$numbers)) numbers(one$numbers, name))
  }
  besides(texts(asked$parts, "parts"), column(asked$arm, "arm"), column(asked$time, "time"),
          if (is.null(asked$weights)) "equal" else one_text(asked$weights, "weights"),
          if (is.null(asked$by_sd)) "total" else one_text(asked$by_sd, "by_sd"),
          optional(asked$sd, one_number, "sd"), optional(asked$baseline, one_text, "baseline"),
          optional(asked$per, one_text, "per"), optional(asked$pooled_over, one_text, "pooled_over"),
          asked$probe, asked$compare, asked$observed, asked$robust, asked$leave_one_out,
          asked$imputed, asked$hypotheses)
}

only_keys <- function(object, allowed, what) {
  for (name in setdiff(names(object), allowed))
    refuse("`", what, "` takes no `", name, "`; allowed: ", paste(allowed, collapse = ", "))
}
