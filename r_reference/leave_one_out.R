# The analysis repeated without each patient, asked of a fit: does one of them carry the result?
#
#   asked <- besides("leave_one_out", leave_one_out = list(patient = "replicate", arm = "recipe"))
#   fit_lmer(angle ~ recipe * temp + (1 | replicate), lme4::cake, besides = asked)
#
# Of each coefficient of the last of the terms of highest order that have the arm: its smallest and largest
# value when a patient's rows are left out, the jackknife's standard error, and the smallest and largest p.
# Every fit searches anew from the whole fit's theta and is polished like it.

left_out <- function(model, asked) {
  names <- foremost_coefficients(model, asked$arm)
  ids <- model$data[[asked$patient]]
  if (is.null(ids)) refuse("no column `", asked$patient, "` to take patients from")
  patients <- unique(as.character(used_rows(model)[[asked$patient]]))
  patients <- patients[!is.na(patients)]
  tests <- lapply(patients, function(one) tests_without(model, is.na(ids) | as.character(ids) != one))
  unlist(lapply(names, function(name) {
    has <- vapply(tests, function(found) name %in% rownames(found), NA)
    if (sum(has) < 2L) refuse("`", name, "` exists without fewer than two of the patients")
    who <- patients[has]
    b <- vapply(tests[has], function(found) found[name, "estimate"], 0)
    p <- vapply(tests[has], function(found) found[name, "p_value"], 0)
    jackknife <- sqrt((length(b) - 1) / length(b) * sum((b - mean(b))^2))
    end <- function(which, called) {
      at <- which(p)  # none where no p counts
      list(term = sprintf("leave-one-out(%s), %s", name, called), estimate = b[which(b)],
           std_error = jackknife, p_value = if (length(at)) p[at] else NaN, without = who[which(b)],
           p_without = if (length(at)) who[at] else "")
    }
    list(end(which.min, "lowest"), end(which.max, "highest"))
  }), recursive = FALSE)
}

# Names of the coefficients of the last of the terms of highest order that have the arm.
foremost_coefficients <- function(model, arm) {
  parts <- terms(lme4::nobars(model$formula))
  variables <- lapply(as.list(attr(parts, "variables"))[-1L], all.vars)
  with_arm <- which(apply(attr(parts, "factors") > 0, 2L, function(column)
    arm %in% unlist(variables[column])))
  if (!length(with_arm)) refuse("no term of the fixed effects has `", arm, "`")
  order <- attr(parts, "order")[with_arm]
  term <- max(with_arm[order == max(order)])
  X <- model.matrix(model$fit)
  intersect(colnames(X)[attr(X, "assign") == term], names(model_beta(model)))
}

# Estimate and p value by coefficient on some of the rows; nothing where the model cannot be fitted.
tests_without <- function(model, keep) {
  data <- model$data[keep, , drop = FALSE]
  nothing <- data.frame(estimate = numeric(), p_value = numeric())
  tryCatch(if (model$mixed) mixed_tests_of(model, data) else linear_tests_of(model, data),
           error = function(e) nothing)
}

mixed_tests_of <- function(model, data) {
  criterion <- criterion_function(model$formula, data, model$reml, model$weights, model$offset)
  lower <- environment(criterion)$lower
  start <- lme4::getME(model$fit, "theta")
  # From the boundary itself a search may not come away.
  if (any(start[lower == 0] < singular_tolerance)) start <- as.double(lower == 0)
  found <- lme4::nloptwrap(unname(start), criterion, lower, rep(Inf, length(lower)),
                           control = tight_controls()$nloptwrap$optCtrl)
  theta <- polish(criterion, found$par, lower)$theta
  fitted <- with_log(fit_at(model$formula, data, theta, model$reml, model$df_method, model$weights,
                            model$offset))
  fit <- fitted$value
  singular <- lme4::isSingular(fit, tol = singular_tolerance)
  if (!singular) for (one in fitted$warnings) warning(one)
  rows <- fixed_table(fit, model$df_method, model$level)
  p <- if (singular && model$df_method == "satterthwaite") NaN else vapply(rows, function(row) row$p_value, 0)
  data.frame(estimate = lme4::fixef(fit), p_value = p, row.names = names(lme4::fixef(fit)))
}

linear_tests_of <- function(model, data) {
  fit <- linear_model(model$formula, data, model$df_method, model$weights, model$offset)$fit
  table <- coef(summary(fit))
  df <- if (model$df_method == "z") Inf else df.residual(fit)
  data.frame(estimate = table[, "Estimate"],
             p_value = 2 * pt(-abs(table[, "Estimate"] / table[, "Std. Error"]), df),
             row.names = rownames(table))
}

# What a request or a caller must say.
left_out_of <- function(asked) {
  if (is.null(asked)) return(NULL)
  only_keys(asked, c("patient", "arm"), "leave_one_out")
  list(patient = one_text(asked$patient, "patient"), arm = one_text(asked$arm, "arm"))
}
