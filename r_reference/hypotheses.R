# Hypotheses on sums of coefficients: one sum by t, with its interval; several together by F.
#
#   ratio <- list(name = "ratio only", rows = list(list(recipeB = 1, recipeC = -1)), equals = 0)
#   fit_lmer(angle ~ recipe + (1 | replicate), lme4::cake, besides = besides("hypotheses", hypotheses = list(ratio)))
#
# A row has the factor of each coefficient it names; all others have 0. By Satterthwaite and Kenward-Roger they
# are lmerTest's contest1D and contestMD, else Wald's test on residual or infinite df. The estimate of a sum is
# the sum itself, whatever it equals by the hypothesis.

# single: rows of t tests; joint: rows of F tests; in the order asked.
hypothesis_tests <- function(model, asked) {
  tests <- lapply(asked, function(one) {
    L <- do.call(rbind, lapply(one$rows, hypothesis_row, names(model_beta(model)), one$name))
    term <- sprintf("hypothesis(%s)", one$name)
    if (nrow(L) == 1L) return(c(list(joint = FALSE), sum_test(model, L, term, one$equals)))
    hypothesis_rows(L, ncol(L))
    c(list(joint = TRUE, term = term), joint_f(model, L, one$equals))
  })
  joint <- vapply(tests, function(one) one$joint, NA)
  list(single = lapply(tests[!joint], `[`, -1L), joint = lapply(tests[joint], `[`, -1L))
}

# The factors of every coefficient, from those that are named.
hypothesis_row <- function(row, names, name) {
  for (one in setdiff(names(row), names))
    refuse("hypothesis(", name, "): no coefficient `", one, "`; there are ", paste(names, collapse = ", "))
  found <- setNames(numeric(length(names)), names)
  found[names(row)] <- unlist(row)
  if (all(found == 0)) refuse("hypothesis(", name, "): every factor is 0")
  found
}

# One sum: its test is of its difference from `equals`, its interval is its own.
sum_test <- function(model, L, term, equals) {
  if (is_repeated(model)) {
    found <- contrast_row(model, drop(L), term, model$level)
    estimate <- found$estimate
    std_error <- found$std_error
    df <- found$df
  } else if (model$df_method %in% c("satterthwaite", "kenward-roger")) {
    ddf <- if (model$df_method == "satterthwaite") "Satterthwaite" else "Kenward-Roger"
    found <- lmerTest::contest1D(model$fit, drop(L), ddf = ddf)
    estimate <- found[["Estimate"]]
    std_error <- found[["Std. Error"]]
    df <- found[["df"]]
  } else {
    estimate <- sum(L * model_beta(model))
    std_error <- sqrt(drop(L %*% model_vcov(model) %*% t(L)))
    df <- if (model$df_method == "z") Inf else residual_df(model)
  }
  tested <- test_rows(term, estimate - equals, std_error, df, model$level)[[1L]]
  list(term = term, contrast = estimate, std_error = std_error, df = df, statistic = tested$statistic,
       p_value = tested$p_value, conf_low = tested$conf_low + equals, conf_high = tested$conf_high + equals)
}

# What a hypothesis must say, from an R prompt or in a request.
hypothesis_of <- function(asked) {
  only_keys(asked, c("name", "rows", "equals"), "hypotheses")
  rows <- lapply(as.list(asked$rows), named, "rows", one_number)
  if (!length(rows) || any(!lengths(rows))) refuse("`rows` of a hypothesis names no coefficient")
  equals <- if (is.null(asked$equals)) rep(0, length(rows)) else numbers(asked$equals, "equals")
  if (length(equals) != length(rows)) refuse("`equals` and `rows` of a hypothesis are not of one length")
  list(name = one_text(asked$name, "name"), rows = rows, equals = equals)
}
