# What a model may have besides its formula: prior weights, an offset, codings of its factors.
#
#   fit_lmer(y ~ arm + (1 | id), d, weights = "w", offset = "o", contrasts = list(arm = "sum"))
#
# Weights and offset are names of columns. A coding is treatment, sum, helmert or poly, or a matrix with
# one row a level. It becomes the column's own, so that random terms are coded like fixed ones: lmer's
# argument `contrasts` (1.1-31) reaches the fixed part only.

codings <- c("treatment", "sum", "helmert", "poly")

# Evaluates a quoted call of lmer, lm or model.frame where it stands, with weights and offset added.
with_rows <- function(call, weights, offset, frame = parent.frame()) {
  if (!is.null(weights)) call$weights <- as.name(weights)
  if (!is.null(offset)) call$offset <- as.name(offset)
  eval(call, frame)
}

# The data with each column coded as asked, its levels cut to those of complete rows: model.frame() drops
# the coding of a factor that has others.
coded_data <- function(formula, data, weights, offset, contrasts) {
  if (!length(contrasts)) return(data)
  variables <- lme4::subbars(formula)
  frame <- with_rows(quote(model.frame(variables, data, na.action = na.pass)), weights, offset)
  used <- complete.cases(frame)
  for (name in names(contrasts)) {
    if (!name %in% names(frame)) refuse("contrasts for `", name, "`, which the terms have not")
    values <- data[[name]]
    if (is.logical(values)) values <- factor(values, c("FALSE", "TRUE"))
    if (is.character(values)) values <- factor(values)
    if (!is.factor(values)) refuse("contrasts for `", name, "`, which is not a factor")
    values <- factor(values, levels(values)[levels(values) %in% values[used]])
    coding <- coding_matrix(contrasts[[name]], name, nlevels(values))
    contrasts(values, ncol(coding)) <- coding
    data[[name]] <- values
  }
  data
}

coding_matrix <- function(coding, name, n) {
  if (is.matrix(coding)) {
    if (nrow(coding) != n)
      refuse("contrasts for `", name, "`: ", nrow(coding), " rows for ", n, " levels present")
    return(coding)
  }
  if (!is.character(coding) || length(coding) != 1L || !coding %in% codings)
    refuse("no coding `", format(coding), "` for `", name, "`")
  switch(coding, treatment = contr.treatment(n), sum = contr.sum(n), helmert = contr.helmert(n),
         poly = contr.poly(n))
}

# The codings of a request: names as they are, {"matrix": [[...], ...], "names": [...]} as a matrix.
asked_codings <- function(asked) {
  lapply(asked, function(one) {
    if (is.character(one)) return(one)
    rows <- lapply(one$matrix, function(row) vapply(row, json_double, 0))
    matrix(unlist(rows), length(rows), byrow = TRUE, dimnames = list(NULL, unlist(one$names)))
  })
}

# The column asked for as weights or offset, or nothing.
asked_column <- function(name, data) {
  if (is.null(name)) return(NULL)
  if (!is.character(name) || length(name) != 1L || !name %in% names(data))
    refuse("`", format(name), "` is not a column of the data sent")
  name
}

# Which offset a fit has, as formulas spell it: the column, then the arguments of offset().
offset_name <- function(terms, offset) {
  variables <- as.list(attr(terms, "variables"))[-1L][attr(terms, "offset")]
  spelt <- vapply(variables, function(call) deparse1(call[[2L]], backtick = TRUE), "")
  paste(c(if (!is.null(offset)) deparse1(as.name(offset), backtick = TRUE), spelt), collapse = " + ")
}
