# Tier T0: which mathematical problem was solved, column by column, small enough to be compared.

# A column reduced to what settles equality: the hash of its little-endian doubles (-0 as 0), its
# sum, the sum of entry times row number (each product rounded to a double), and the sum of the
# absolute entries, which is the scale of the other two; the sums are correctly rounded.
column_print <- function(name, values) {
  values <- as.double(values) + 0
  list(name = name,
       sha256 = digest::digest(writeBin(values, raw(), endian = "little"),
                               algo = "sha256", serialize = FALSE),
       total = exact_sum(values),
       moment = exact_sum(values * seq_along(values)),
       size = exact_sum(abs(values)))
}

design_prints <- function(X) {
  unname(lapply(seq_len(ncol(X)), function(j) column_print(colnames(X)[j], X[, j])))
}

# Levels present of each factor in the fixed part, in coding order; an object even when there is none.
# Names are spelt as formulas spell them. A text is a factor sorted, a logical one of FALSE and TRUE.
level_lists <- function(terms, frame) {
  variables <- as.list(attr(terms, "variables"))[-1L]
  response <- attr(terms, "response")
  if (response > 0L) variables <- variables[-response]
  levels <- lapply(variables, function(variable) {
    values <- frame[[frame_name(variable)]]
    if (is.logical(values)) values <- factor(values, c("FALSE", "TRUE"))
    if (is.character(values)) values <- factor(values)
    if (is.factor(values)) I(levels(droplevels(values)))
  })
  names(levels) <- vapply(variables, deparse1, "", backtick = TRUE)
  levels <- Filter(Negate(is.null), levels)
  if (length(levels)) levels else empty_object()
}

# The name of a variable's column in a model frame, and those of all variables of a formula.
frame_name <- function(variable) deparse1(variable, backtick = !is.symbol(variable))

frame_names <- function(terms) vapply(as.list(attr(terms, "variables"))[-1L], frame_name, "")

response_name <- function(fit) deparse1(formula(fit)[[2L]], backtick = TRUE)

empty_object <- function() structure(list(), names = character())

# Prints of weights and offset, each only if the model has it.
row_prints <- function(weights, offset, weight_values, offset_values, terms) {
  list(weights = if (!is.null(weights))
         column_print(deparse1(as.name(weights), backtick = TRUE), weight_values),
       offset = if (!is.null(offset) || length(attr(terms, "offset")))
         column_print(offset_name(terms, offset), offset_values)) |>
    Filter(f = Negate(is.null))
}

problem_lmer <- function(fit, weights = NULL, offset = NULL) {
  factors <- lme4::getME(fit, "flist")
  names <- group_names(fit)
  c(list(n_obs = nobs(fit),
       groups = group_counts(fit),
       levels = level_lists(terms(fit), model.frame(fit)),
       x = design_prints(lme4::getME(fit, "X")),
       y = column_print(response_name(fit), lme4::getME(fit, "y")),
       z = lapply(seq_along(factors), function(i)
         column_print(names[i], as.integer(factors[[i]]))),
       reml = lme4::isREML(fit)),
    row_prints(weights, offset, weights(fit), lme4::getME(fit, "offset"), terms(fit)))
}

problem_lm <- function(fit, weights = NULL, offset = NULL) {
  X <- model.matrix(fit)[, !is.na(coef(fit)), drop = FALSE]
  c(list(n_obs = nobs(fit),
       groups = empty_object(),
       levels = level_lists(terms(fit), model.frame(fit)),
       x = design_prints(X),
       y = column_print(response_name(fit), model.response(model.frame(fit))),
       z = list(),
       reml = FALSE),
    row_prints(weights, offset, weights(fit), fit$offset, terms(fit)))
}

# The grouping factors' names as formulas spell them: lme4 drops the back-ticks of a lone name.
group_names <- function(fit) {
  columns <- all.vars(formula(fit))
  vapply(names(lme4::getME(fit, "flist")), function(name)
    if (name %in% columns) deparse1(as.name(name), backtick = TRUE) else name, "",
    USE.NAMES = FALSE)
}

group_counts <- function(fit) {
  structure(as.list(vapply(lme4::getME(fit, "flist"), nlevels, 1L)), names = group_names(fit))
}
