# Fitted values, predictions for new rows, residuals, leverages and random effects of a model.
#
#   model <- reference_model(Reaction ~ Days + (Days | Subject), lme4::sleepstudy)
#   predictions(model)
#   predictions(model, newdata = data.frame(Days = 10, Subject = "308"))
#   predictions(model, newdata = data.frame(Days = 10), random = FALSE)
#
# raw residuals are y less the fitted value, pearson those times the root of the weight, scaled
# pearson by sigma. std_error of a row is of its fixed part, by the covariance that the df method
# goes with (Kenward-Roger's is adjusted). A random effect's is the root of its conditional variance
# at the covariance parameters found.

# random: whether new rows get the random effects of their groups; new_levels: whether groups that the
# model has not seen get zero, or are refused.
predictions <- function(model, newdata = NULL, random = TRUE, new_levels = FALSE) {
  answer_on(model, {
    fit <- model$fit
    X <- model_x(model)
    found <- list(row_names = I(model_frame_rows(model)),
                  fitted = plain(fitted(fit)),
                  fixed = plain(if (model$mixed) predict(fit, re.form = NA) else fitted(fit)),
                  std_error = plain(row_errors(model, X)),
                  residuals = residual_kinds(model),
                  leverage = plain(hatvalues(fit)),
                  random_effects = if (model$mixed) random_effect_rows(fit) else list())
    if (!is.null(newdata))
      found$new <- with_fitted_centers(model, new_rows(model, newdata, random, new_levels))
    found
  })
}

plain <- function(x) I(as.double(unname(x)))

residual_kinds <- function(model) {
  raw <- response_of(model) - fitted(model$fit)
  pearson <- raw * sqrt(if (is.null(weights(model$fit))) 1 else weights(model$fit))
  kinds <- list(raw = plain(raw), pearson = plain(pearson), scaled = plain(pearson / sigma(model$fit)))
  own <- if (model$mixed) residuals(model$fit, "pearson", scaled = TRUE)
         else residuals(model$fit, "pearson") / sigma(model$fit)
  if (max(abs(own - kinds$scaled)) > 1e-9) stop("R's own residuals differ")
  kinds
}

row_errors <- function(model, X) {
  sqrt(rowSums((X %*% test_vcov(model)) * X))
}

# One row a level and effect: group, level, effect, estimate, std_error.
random_effect_rows <- function(fit) {
  effects <- lme4::ranef(fit, condVar = TRUE)
  names <- group_names(fit)
  unlist(lapply(seq_along(effects), function(g) {
    table <- effects[[g]]
    sd <- effect_errors(attr(table, "postVar"))
    unlist(lapply(seq_len(nrow(table)), function(i) lapply(seq_along(table), function(j)
      list(group = names[g], level = rownames(table)[i], effect = colnames(table)[j],
           estimate = table[i, j], std_error = sd[i, j]))), recursive = FALSE)
  }), recursive = FALSE)
}

# Conditional standard deviations, a row a level; a factor with several terms has a list of variances.
effect_errors <- function(variances) {
  if (is.list(variances)) return(do.call(cbind, lapply(variances, effect_errors)))
  matrix(sqrt(apply(variances, 3L, diag)), nrow = dim(variances)[3L], byrow = TRUE)
}

# Predictions for new rows; one with a missing value has none.
new_rows <- function(model, newdata, random, new_levels) {
  fit <- model$fit
  need_columns(newdata, c(all.vars(lme4::nobars(model$formula)[[3L]]), model$offset))
  if (!model$mixed) {
    at <- predict(fit, newdata, na.action = na.pass, se.fit = TRUE)
    return(list(estimate = plain(at$fit), std_error = plain(at$se.fit)))
  }
  if (random) need_columns(newdata, unique(unlist(lapply(lme4::findbars(model$formula), all.vars))))
  # That newparams are taken by position is what lme4 would say here.
  at <- function(beta, form) suppressMessages(predict(
    fit, newdata, re.form = form, allow.new.levels = new_levels, na.action = na.pass,
    newparams = if (!is.null(beta)) list(beta = beta, theta = lme4::getME(fit, "theta"),
                                         sigma = sigma(fit))))
  p <- length(lme4::fixef(fit))
  origin <- at(numeric(p), NA)
  X <- vapply(seq_len(p), function(j) at(as.double(seq_len(p) == j), NA) - origin,
              numeric(nrow(newdata)))
  # For new data lme4 (1.1-31) knows the offsets of the formula, not the argument's.
  offset <- if (is.null(model$offset)) 0 else as.double(newdata[[model$offset]])
  list(estimate = plain(at(NULL, if (random) NULL else NA) + offset),
       std_error = plain(row_errors(model, matrix(X, nrow(newdata)))),
       fixed = plain(at(NULL, NA) + offset))
}

need_columns <- function(newdata, names) {
  for (name in names) if (!name %in% names(newdata)) refuse("new data without a column `", name, "`")
}
