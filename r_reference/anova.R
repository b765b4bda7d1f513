# A test of every term of a model: types I, II and III.
#
#   term_tests(reference_model(angle ~ recipe * temperature + (1 | replicate), lme4::cake), type = 3)
#   term_tests(reference_model(angle ~ recipe * temp, lme4::cake), type = 2)
#
# A mixed model by lmerTest's anova, by Satterthwaite or Kenward-Roger; on residual or infinite df its
# hypotheses are tested by Wald's F. A linear model by its residual
# sums of squares; SAS's types (Goodnight 1978, SAS Technical Report R-101), in which a term is
# contained in another that has the same numbers and more factors, as lmerTest has it. sum_sq is
# what the term explains, in the outcome's unit squared; Kenward-Roger scales F afterwards.

term_tests <- function(model, type = 3L) {
  answer_on(model, {
    if (!type %in% 1:3) refuse("the types of tests are 1, 2 and 3")
    list(type = as.integer(type), df_method = model$df_method,
         rows = if (model$mixed) mixed_terms(model, type) else linear_terms(model, type))
  })
}

mixed_terms <- function(model, type) {
  need_plain_model(model, "lmerTest's anova")
  if (type == 3L && coding_decides(model$fit)) return(sum_coded_terms(model))
  if (model$df_method %in% c("residual", "z")) return(wald_terms(model, type))
  ddf <- switch(model$df_method, satterthwaite = "Satterthwaite", "kenward-roger" = "Kenward-Roger")
  table <- anova(model$fit, type = type, ddf = ddf)
  if (!grepl(ddf, paste(attr(table, "heading"), collapse = " "), fixed = TRUE))
    refuse("lmerTest did not test by ", ddf)
  lapply(seq_len(nrow(table)), function(i)
    term_row(rownames(table)[i], table[["Sum Sq"]][i], table$NumDF[i], table$DenDF[i],
             table[["F value"]][i], model$df_method))
}

# lmerTest's hypotheses, read from a table of its own at the same theta, tested on residual or infinite df.
wald_terms <- function(model, type) {
  there <- fit_at(model$formula, model$data, lme4::getME(model$fit, "theta"), model$reml, "satterthwaite",
                  model$weights, model$offset)
  table <- anova(there, type = type)
  hypotheses <- attr(table, "hypotheses")
  lapply(rownames(table), function(term) {
    L <- hypotheses[[term]]
    tested <- if (length(L)) joint_f(model, matrix(L, ncol = length(model_beta(model))))
              else f_values(0, NA, NA)
    term_row(term, tested$f_value * tested$num_df * sigma(model$fit)^2, tested$num_df, tested$den_df,
             tested$f_value, model$df_method)
  })
}

# Whether a term has all levels of a factor as columns because another term is missing, and contains a third:
# lmerTest's type III of the third is then at the first level of that factor, not over all of them
# (visit in visit + arm:visit; in arm * visit, the same model, it is over all arms).
coding_decides <- function(fit) {
  factors <- attr(terms(fit), "factors")
  full <- vapply(seq_len(ncol(factors)), function(j) any(factors[, j] == 2L), NA)
  any(vapply(seq_len(ncol(factors)), function(k) any(full[holders(fit, k)]), NA))
}

# Type III as the coefficients of the term's columns when factors are coded to sum to zero, in the rows that
# lmerTest would take: the identity at the term's own columns by treatment coding.
sum_coded_terms <- function(model) {
  fit <- model$fit
  S <- sum_coded(fit)
  X <- model_x(model)
  if (qr(S)$rank < ncol(S) || ncol(S) != ncol(X))
    refuse("type III with empty cells is not tested where an interaction stands without its main effects")
  plain <- sum_coded(fit, "contr.treatment")
  to_sum <- qr.solve(S, X)
  from_plain <- solve(qr.solve(plain, X))
  lapply(seq_along(attr(terms(fit), "term.labels")), function(k) {
    L <- to_sum[attr(S, "assign") == k, , drop = FALSE]
    own <- (L %*% from_plain)[, attr(plain, "assign") == k, drop = FALSE]
    rows <- solve(own, L)
    tested <- joint_f(model, rows)
    # Before Kenward-Roger's scale, as in lmerTest's tables.
    sum_sq <- if (is_repeated(model)) NA_real_ else if (model$df_method == "kenward-roger")
      lmerTest::contestMD(fit, rows, ddf = "Kenward-Roger")[["Sum Sq"]]
    else tested$f_value * tested$num_df * sigma(fit)^2
    term_row(attr(terms(fit), "term.labels")[k], sum_sq, tested$num_df, tested$den_df, tested$f_value,
             model$df_method)
  })
}

term_row <- function(term, sum_sq, num_df, den_df, f_value, df_method) {
  if (is.na(f_value)) num_df <- 0
  c(list(term = term, sum_sq = as.double(sum_sq), mean_sq = as.double(sum_sq / num_df)),
    f_values(num_df, den_df, f_value),
    list(df_method = df_method,
         note = if (num_df == 0) "no test: others determine this term" else ""))
}

# Sums of squares of a linear model's terms. Types I and II compare models that have a term's columns
# and that have not; type III leaves them out of the whole model with its factors coded to sum to zero.
linear_terms <- function(model, type) {
  fit <- model$fit
  labels <- attr(terms(fit), "term.labels")
  if (type == 3L && attr(terms(fit), "intercept") == 0L)
    refuse("type III of a linear model needs an intercept")
  X <- if (type == 3L) sum_coded(fit) else model.matrix(fit)
  owner <- if (type == 3L) attr(X, "assign") else attr(model.matrix(fit), "assign")
  if (type == 3L && qr(X)$rank < ncol(X))
    refuse("type III of a linear model with empty cells or dependent columns is not unique here")
  w <- if (is.null(weights(fit))) rep(1, nrow(X)) else weights(fit)
  y <- model.response(model.frame(fit))
  if (!is.null(fit$offset)) y <- y - fit$offset
  rows <- w > 0
  root <- sqrt(w[rows])
  rss <- function(kept) {
    columns <- X[rows, owner %in% kept, drop = FALSE] * root
    if (!ncol(columns)) return(c(sum((y[rows] * root)^2), 0))
    found <- qr(columns)
    c(sum(qr.resid(found, y[rows] * root)^2), found$rank)
  }
  all <- 0:length(labels)
  df <- if (model$df_method == "z") Inf else df.residual(fit)
  scale <- deviance(fit) / df.residual(fit)
  lapply(seq_along(labels), function(k) {
    with <- switch(type, 0:k, c(0L, setdiff(seq_along(labels), holders(fit, k))), all)
    less <- rss(setdiff(with, k))
    more <- rss(with)
    num_df <- more[2L] - less[2L]
    sum_sq <- if (num_df > 0) less[1L] - more[1L] else NA_real_
    term_row(labels[k], sum_sq, num_df, df, sum_sq / num_df / scale, model$df_method)
  })
}

# X of the same model with every factor coded to sum to zero, or otherwise.
sum_coded <- function(fit, coding = "contr.sum") {
  frame <- model.frame(fit)
  coded <- names(attr(model.matrix(fit), "contrasts"))
  model.matrix(terms(fit), frame, contrasts.arg = structure(rep(list(coding), length(coded)),
                                                            names = coded))
}

# Terms that contain term k: the same numbers, and its factors with more.
holders <- function(fit, k) {
  incidence <- attr(terms(fit), "factors") > 0
  is_factor <- !vapply(model.frame(fit)[frame_names(terms(fit))], is.numeric, NA)
  of <- function(j) incidence[, j]
  own <- of(k)
  Filter(function(j) {
    other <- of(j)
    j != k && identical(own & !is_factor, other & !is_factor) && all(other[own]) && sum(other) > sum(own)
  }, seq_len(ncol(incidence)))
}
