# Estimated marginal means, contrasts of them, marginal slopes and joint tests, by emmeans.
#
#   model <- reference_model(angle ~ recipe * temperature + (1 | replicate), lme4::cake)
#   marginal_means(model, "recipe")
#   marginal_means(model, "temperature", by = "recipe", contrast = "pairwise", adjust = "tukey")
#   marginal_means(model, "recipe", contrast = list(last = c(0.5, 0.5, -1)))
#   marginal_means(reference_model(angle ~ recipe * temp, lme4::cake), "recipe", var = "temp")
#   joint_tests_of(model)
#
# The df method is the model's, passed explicitly with both of emmeans' limits raised (beyond 3000
# rows it would take z and say so in passing), and read back from the grid: every row says how it was tested.

mean_weights <- c("equal", "proportional", "outer", "cells", "flat")
contrast_methods <- c("pairwise", "revpairwise", "trt.vs.ctrl", "consec", "eff", "poly")
mean_adjustments <- c("none", "tukey", "sidak", "scheffe", "bonferroni", "holm", "hochberg", "hommel",
                      "BH", "BY", "dunnettx", "mvt")

# specs, by: columns; at: values by column instead of all levels or the mean; var: slopes by this
# column; contrast: a method, or coefficients by name (one for each mean of a family); interaction:
# methods, one a spec; ref: the control, by label or position; adjust: of the contrasts, else of the means.
marginal_means <- function(model, specs = character(), by = character(), at = list(),
                           weights = "equal", var = NULL, contrast = NULL, interaction = NULL,
                           ref = NULL, adjust = "none", level = model$level) {
  answer_on(model, {
    check_means(model, specs, by, at, weights, var, contrast, interaction, adjust)
    grid <- reference_grid(model, at)
    by_or_none <- if (length(by)) by
    means <- if (is.null(var))
      emmeans::emmeans(grid$grid, if (length(specs)) specs else ~ 1, by = by_or_none, weights = weights)
    else
      marginal_slopes(model, specs, by_or_none, at, weights, var)
    compared <- !is.null(contrast) || !is.null(interaction)
    found <- list(df_method = grid$df_method,
                  means = mean_rows(means, grid$df_method, if (compared) "none" else adjust, level))
    if (!is.null(interaction))
      found$contrasts <- mean_rows(emmeans::contrast(means, interaction = interaction),
                                   grid$df_method, adjust, level)
    if (!is.null(contrast))
      found$contrasts <- mean_rows(contrast_of(means, contrast, ref), grid$df_method, adjust, level)
    found
  })
}

# Of every term, that all its effects on the marginal means are zero: one F a term and level of by.
# emmeans' own joint_tests keeps three decimals of F and the df of single contrasts; here its contrasts
# are tested as lmerTest tests several (Fai & Cornelius' df; Kenward-Roger's with its scale), and
# emmeans' F must agree as far as it goes. Covariates stand one below and one above their mean.
joint_tests_of <- function(model, by = character(), at = list()) {
  answer_on(model, {
    check_means(model, character(), by, at)
    grid <- reference_grid(model, at, list(cov.reduce = emmeans::meanint))
    rows <- list()
    for (term in joint_terms(model, grid$grid, by)) {
      # Whether averages are misleading is no question of a joint test.
      means <- suppressMessages(emmeans::emmeans(grid$grid, term, by = if (length(by)) by))
      effects <- emmeans::contrast(means, interaction = "consec", by = if (length(by)) by)
      theirs <- as.data.frame(emmeans::test(effects, joint = TRUE))
      for (i in seq_len(nrow(theirs)))
        rows <- c(rows, list(joint_row(model, effects, theirs, term, by, i, grid$df_method)))
    }
    list(df_method = grid$df_method, rows = rows)
  })
}

# The sets of variables of the model's terms, less those of by and those held at one value.
joint_terms <- function(model, grid, by) {
  parts <- terms(lme4::nobars(model$formula))
  variables <- lapply(as.list(attr(parts, "variables"))[-(1:2)], all.vars)
  incidence <- attr(parts, "factors")[-1L, , drop = FALSE] > 0
  sets <- lapply(seq_len(ncol(incidence)), function(k)
    setdiff(sort(unique(unlist(variables[incidence[, k]]))), by))
  order <- function(set) intersect(names(grid@levels), set)
  sets <- unique(lapply(Filter(length, sets), order))
  Filter(function(set) all(lengths(grid@levels[set]) > 1L), sets)
}

joint_row <- function(model, effects, theirs, term, by, i, df_method) {
  labels <- label_list(theirs, by, i)
  rows <- Reduce(`&`, lapply(by, function(name) as.character(effects@grid[[name]]) == labels[[name]]),
                 rep(TRUE, nrow(effects@grid)))
  found <- f_values(theirs$df1[i], theirs$df2[i], theirs$F.ratio[i])
  found$p_value <- theirs$p.value[i]
  note <- note_of(theirs$note[i])
  L <- effects@linfct[rows, , drop = FALSE]
  if (ncol(L) == length(model_beta(model)) && all(is.na(effects@nbasis))) {
    found <- joint_f(model, L[independent_rows(L), , drop = FALSE])
    scaled <- df_method == "kenward-roger" && found$num_df > 1
    if (found$num_df != theirs$df1[i] || (!scaled && abs(found$f_value - theirs$F.ratio[i]) > 6e-4))
      stop("the joint test of ", paste(term, collapse = ":"), " is not emmeans'")
  } else note <- paste0(note, if (nzchar(note)) "; ", "F as emmeans rounds it, to three decimals")
  c(list(term = paste(term, collapse = ":"), labels = labels), found,
    list(df_method = df_method, note = note))
}

# Rows of L that do not depend on those before them.
independent_rows <- function(L) {
  found <- qr(t(L / pmax(sqrt(rowSums(L^2)), .Machine$double.xmin)), tol = 1e-7)
  sort(found$pivot[seq_len(found$rank)])
}

joint_f <- function(model, L, equals = rep(0, nrow(L))) {
  if (is_repeated(model)) return(repeated_f(model, L, equals))
  if (model$df_method %in% c("satterthwaite", "kenward-roger")) {
    ddf <- if (model$df_method == "satterthwaite") "Satterthwaite" else "Kenward-Roger"
    found <- lmerTest::contestMD(model$fit, L, rhs = equals, ddf = ddf)
    return(f_values(found$NumDF, found$DenDF, found[["F value"]]))
  }
  value <- L %*% model_beta(model) - equals
  f_value <- sum(value * solve(L %*% model_vcov(model) %*% t(L), value)) / nrow(L)
  f_values(nrow(L), if (model$df_method == "z") Inf else residual_df(model), f_value)
}

residual_df <- function(model) nobs(model$fit) - length(model_beta(model))

# emmeans' footnotes d and e, in words.
note_of <- function(note) {
  reasons <- c(d = "linear dependence", e = "non-estimability")
  found <- reasons[vapply(names(reasons), grepl, NA, x = paste0("", note, collapse = ""))]
  if (length(found)) paste("df reduced by", paste(found, collapse = " and ")) else ""
}

# num_df, den_df, f_value and p_value of an F test.
f_values <- function(num_df, den_df, f_value) {
  list(num_df = as.double(num_df), den_df = as.double(den_df), f_value = as.double(f_value),
       p_value = pf(as.double(f_value), num_df, den_df, lower.tail = FALSE))
}

# The reference grid and the df method it really has.
reference_grid <- function(model, at, more = list()) {
  check_packages("emmeans")
  grid <- with_fitted_centers(model, do.call(emmeans::ref_grid, c(grid_arguments(model, at), more)))
  if (is_repeated(model) && model$df_method == "satterthwaite") {
    grid@dffun <- structure(function(k, dfargs) dfargs$of(k), mesg = "satterthwaite")
    grid@dfargs <- list(of = function(l) df_of(model, l))
  }
  list(grid = grid, df_method = method_read_back(grid, model))
}

# Evaluates `expr` while center() takes the mean of the data fitted: emmeans and predict() evaluate a formula's
# calls anew, and a mean over their own rows would be another.
with_fitted_centers <- function(model, expr) {
  here <- environment(model$formula)
  usual <- get0("center", here, mode = "function", inherits = FALSE)
  if (is.null(usual)) return(expr)
  here$center <- function(x) x - mean(eval(substitute(x), model$data, here), na.rm = TRUE)
  on.exit(here$center <- usual)
  expr
}

grid_arguments <- function(model, at) {
  how <- if (!model$mixed) list() else list(
    lmer.df = switch(model$df_method, satterthwaite = "satterthwaite",
                     "kenward-roger" = "kenward-roger", "asymptotic"),
    pbkrtest.limit = Inf, lmerTest.limit = Inf)
  df <- switch(model$df_method, z = list(df = Inf),
               residual = list(df = residual_df(model)))
  # The rows used: over all of them covariates would be averaged where the outcome is missing.
  if (is_repeated(model)) how <- list(vcov. = model$vcov)
  c(list(model$fit, data = used_rows(model)), how, df, if (length(at)) list(at = at))
}

# emmeans says in the grid by what it will compute df; a fall-back to another method is an error.
method_read_back <- function(grid, model) {
  if (model$df_method %in% c("residual", "z")) {
    fixed <- grid@misc$df
    wanted <- if (model$df_method == "z") Inf else residual_df(model)
    if (!identical(as.double(fixed), as.double(wanted))) refuse("emmeans did not take the df given")
    return(model$df_method)
  }
  said <- attr(grid@dffun, "mesg")
  if (!identical(said, model$df_method))
    refuse("emmeans took df method `", format(said), "` where `", model$df_method, "` was asked")
  said
}

# A central difference over a thousandth of the variable's range: exact for a straight line.
marginal_slopes <- function(model, specs, by, at, weights, var) {
  with_fitted_centers(model, do.call(emmeans::emtrends,
    c(grid_arguments(model, at),
      list(specs = if (length(specs)) specs else ~ 1, by = by, var = var, weights = weights,
           nesting = NULL))))
}

contrast_of <- function(means, contrast, ref) {
  if (is.null(ref)) return(emmeans::contrast(means, contrast))
  if (is.character(ref)) ref <- match(ref, mean_labels(means))
  family <- length(mean_labels(means))
  if (length(ref) != 1L || is.na(ref) || !ref %in% seq_len(family))
    refuse("`ref` is none of the ", family, " means compared")
  emmeans::contrast(means, contrast, ref = as.integer(ref))
}

# Labels of the means of the first family, as their levels are spelt.
mean_labels <- function(means) {
  table <- as.data.frame(means@grid)[, means@misc$pri.vars, drop = FALSE]
  unique(do.call(paste, lapply(table, as.character)))
}

# One row a mean or contrast: labels, estimate, test of zero, interval, and by what they were made.
mean_rows <- function(means, df_method, adjust, level) {
  if (adjust == "mvt") set.seed(1, "Mersenne-Twister", "Inversion", "Rejection")
  table <- summary(means, infer = c(TRUE, TRUE), adjust = adjust, level = level, type = "link")
  said <- attr(table, "mesg")
  limits <- attr(table, "clNames")
  labels <- setdiff(names(table), c(attr(table, "estName"), "SE", "df", limits, "t.ratio", "z.ratio",
                                    "p.value", "null", ".offset.", "1"))
  statistic <- if ("z.ratio" %in% names(table)) "z.ratio" else "t.ratio"
  estimate <- table[[attr(table, "estName")]]
  lapply(seq_len(nrow(table)), function(i)
    list(labels = label_list(table, labels, i),
         estimate = estimate[i], std_error = table$SE[i], df = table$df[i],
         statistic = table[[statistic]][i], p_value = table$p.value[i],
         conf_low = table[[limits[1L]]][i], conf_high = table[[limits[2L]]][i],
         df_method = df_method,
         adjust = adjustment_said(said, "P value adjustment"),
         conf_adjust = adjustment_said(said, "Conf-level adjustment"),
         note = if (is.na(estimate[i])) "not estimable from these data" else ""))
}

# What emmeans did, which is not always what was asked: Tukey's for other than all pairs becomes Sidak's.
adjustment_said <- function(said, what) {
  line <- grep(paste0("^", what, ": "), said, value = TRUE)
  if (length(line)) sub("^.*?: ([^ ]+) .*$", "\\1", line[1L], perl = TRUE) else "none"
}

label_list <- function(table, names, i) {
  if (!length(names)) return(empty_object())
  lapply(structure(names, names = names), function(name) {
    value <- table[[name]][i]
    if (is.numeric(value)) as.double(value) else as.character(value)
  })
}

check_means <- function(model, specs, by, at, weights = "equal", var = NULL, contrast = NULL,
                        interaction = NULL, adjust = "none") {
  need_plain_model(model, "emmeans")
  variables <- setdiff(all.vars(lme4::nobars(model$formula)[[3L]]), "pi")
  known <- function(names, what) for (name in names)
    if (!name %in% variables)
      refuse(what, ": no variable `", name, "` in the fixed part; there are ",
             paste(variables, collapse = ", "))
  known(specs, "specs")
  known(by, "by")
  known(names(at), "at")
  known(var, "var")
  if (anyDuplicated(c(specs, by))) refuse("a variable stands twice in specs and by")
  for (name in names(at)) check_at(model$data[[name]], at[[name]], name)
  if (!weights %in% mean_weights) refuse("unknown weights `", weights, "`")
  if (!is.null(var) && !is.numeric(model$data[[var]])) refuse("slopes by `", var, "`, which is no number")
  if (!adjust %in% mean_adjustments) refuse("unknown adjustment `", adjust, "`")
  if (!is.null(contrast) && !is.null(interaction)) refuse("either contrast or interaction")
  if (is.character(contrast) && !(length(contrast) == 1L && contrast %in% contrast_methods))
    refuse("unknown contrast `", paste(contrast, collapse = ", "), "`")
  if (!is.null(interaction) && !all(interaction %in% contrast_methods))
    refuse("unknown contrast among `", paste(interaction, collapse = ", "), "`")
  if (is.list(contrast)) check_coefficients(contrast)
}

check_at <- function(column, values, name) {
  if (is.numeric(column)) {
    if (!is.numeric(values) || !length(values) || !all(is.finite(values)))
      refuse("at: `", name, "` needs finite numbers")
  } else {
    known <- if (is.factor(column)) levels(column) else unique(as.character(column))
    for (value in as.character(values))
      if (!value %in% known) refuse("at: `", name, "` has no level `", value, "`")
  }
  if (anyDuplicated(values)) refuse("at: a value of `", name, "` stands twice")
}

check_coefficients <- function(contrast) {
  if (!length(contrast) || is.null(names(contrast)) || any(!nzchar(names(contrast))))
    refuse("contrasts of one's own need a name each")
  for (name in names(contrast)) {
    one <- contrast[[name]]
    if (!is.numeric(one) || !all(is.finite(one))) refuse("contrast `", name, "` is not finite numbers")
  }
  if (length(unique(lengths(contrast))) != 1L) refuse("the contrasts differ in length")
}
