# A model fitted once, of which questions can be asked: by lme4 at the checked optimum, or by lm.
#
#   model <- reference_model(Reaction ~ Days + (Days | Subject), lme4::sleepstudy)
#   marginal_means(model, "Days", at = list(Days = c(0, 9)))
#
# theta: evaluate the mixed model there and optimise nothing, so that two implementations of what
# follows the fit can be compared to the last digits whatever their optimisers do.

reference_model <- function(formula, data, reml = TRUE, df_method = NULL, level = 0.95,
                            weights = NULL, offset = NULL, contrasts = list(), theta = NULL) {
  with_settings(fitting({
    mixed <- length(lme4::findbars(formula)) > 0L
    if (is.null(df_method)) df_method <- if (mixed) "satterthwaite" else "residual"
    if (!df_method %in% df_methods) refuse("unknown df method `", df_method, "`")
    data <- coded_data(formula, data, weights, offset, contrasts)
    model <- if (mixed) mixed_model(formula, data, reml, df_method, weights, offset, theta)
             else linear_model(formula, data, df_method, weights, offset)
    c(model, list(mixed = mixed, formula = formula, data = data, level = level, weights = weights,
                  offset = offset))
  }))
}

# Whether the model has a covariance by visit (mmrm.R): then its fit is lm's with the coefficients of gls.
is_repeated <- function(model) isTRUE(model$repeated)

df_methods <- c("satterthwaite", "kenward-roger", "residual", "z")

# fit, optimum, log, reml and df_method of a mixed model; adjusted is Kenward-Roger's covariance, where
# that is the method, or nothing where pbkrtest fails.
mixed_model <- function(formula, data, reml, df_method, weights, offset, theta = NULL) {
  if (df_method == "kenward-roger" && !reml)
    refuse("Kenward-Roger needs a REML fit; this one is asked by ML")
  found <- with_log(if (is.null(theta)) find_optimum(formula, data, reml, weights, offset)
                    else given_optimum(formula, data, theta, reml, weights, offset))
  optimum <- found$value
  final <- with_log(fit_at(formula, data, optimum$theta, reml, df_method, weights, offset))
  fit <- final$value
  adjusted <- if (df_method == "kenward-roger")
    with_log(tryCatch(pbkrtest::vcovAdj(fit), error = function(e) NULL))
  list(fit = fit, optimum = optimum, reml = reml, df_method = df_method, adjusted = adjusted$value,
       log = unique(c(optimum$log, found$log, final$log, adjusted$log)))
}

# theta as given, in the form find_optimum() answers in; nothing speaks against it.
given_optimum <- function(formula, data, theta, reml, weights, offset) {
  lower <- environment(criterion_function(formula, data, reml, weights, offset))$lower
  if (length(theta) != length(lower))
    refuse("theta has ", length(theta), " elements where the model has ", length(lower))
  if (!all(is.finite(theta)) || any(theta < lower)) refuse("theta is not finite, or has a negative diagonal")
  list(theta = as.double(theta), steps = 0L, edge = any(theta[lower == 0] < singular_tolerance),
       gradient = NaN, decrement = 0, optimizers = "theta given", gap = 0, evaluations = 1L,
       converged = TRUE, log = character())
}

# Whether the fit may be a reference; `more` is what was said after it.
mixed_quality <- function(model, more = character()) {
  c(reference_quality(model$optimum, unique(c(model$log, more)),
                      lme4::isSingular(model$fit, tol = singular_tolerance),
                      c(numeric_df_trouble(model$fit, model$df_method),
                        kenward_roger_trouble(model$fit, model$df_method, model$adjusted))),
    if (model$df_method == "satterthwaite")
      list(df_error = numeric_df_error(model$fit, model$df_method)))
}

linear_model <- function(formula, data, df_method, weights, offset) {
  logged <- with_log(with_rows(quote(lm(formula, data)), weights, offset, environment()))
  fit <- logged$value
  log <- logged$log
  if (anyNA(coef(fit)))
    log <- c(log, paste0("coefficients not estimable and left out: ",
                         paste(names(coef(fit))[is.na(coef(fit))], collapse = ", ")))
  list(fit = fit, reml = FALSE, df_method = if (df_method == "z") "z" else "residual", log = log)
}

linear_quality <- function(log) {
  list(clean = length(log) == 0L, reasons = I(log), optimizers = I("qr"), criterion_gap = 0,
       polish_steps = 0L, gradient_norm = 0, evaluations = 1L)
}

# Estimated coefficients, their covariance (not Kenward-Roger's), X of the rows used.
model_beta <- function(model) {
  if (model$mixed) lme4::fixef(model$fit) else coef(model$fit)[!is.na(coef(model$fit))]
}

model_vcov <- function(model) {
  if (is_repeated(model)) return(model$vcov)
  V <- as.matrix(vcov(model$fit))
  if (model$mixed) V else V[names(model_beta(model)), names(model_beta(model)), drop = FALSE]
}

# The covariance that tests by the df method use.
test_vcov <- function(model) {
  if (model$df_method != "kenward-roger") return(model_vcov(model))
  if (is.null(model$adjusted)) refuse("pbkrtest cannot invert the information of the covariance parameters")
  as.matrix(model$adjusted)
}

model_x <- function(model) {
  if (model$mixed) return(lme4::getME(model$fit, "X"))
  model.matrix(model$fit)[, names(model_beta(model)), drop = FALSE]
}

model_frame_rows <- function(model) rownames(model.frame(model$fit))

# The data of the rows used, whatever the formula makes of them.
used_rows <- function(model) {
  model$data[match(model_frame_rows(model), rownames(model$data)), , drop = FALSE]
}

# What every answer says of its model, so that a difference can be located.
model_print <- function(model) {
  X <- model_x(model)
  list(engine = if (model$mixed) "lme4" else "lm",
       formula = deparse1(model$formula),
       reml = model$reml,
       df_method = model$df_method,
       n_obs = nobs(model$fit),
       optimised = !identical(model$optimum$optimizers, "theta given"),
       singular = model$mixed && lme4::isSingular(model$fit, tol = singular_tolerance),
       x_names = I(colnames(X)),
       x_sha256 = digest::digest(writeBin(as.double(X) + 0, raw(), endian = "little"),
                                 algo = "sha256", serialize = FALSE),
       theta = I(if (model$mixed) unname(lme4::getME(model$fit, "theta")) else numeric()),
       sigma = sigma(model$fit),
       criterion = if (model$mixed) criterion_of(model$fit) else -2 * as.numeric(logLik(model$fit)),
       beta = I(unname(model_beta(model))),
       vcov = matrix_rows(model_vcov(model)))
}

matrix_rows <- function(M) lapply(seq_len(nrow(M)), function(i) I(as.double(unname(M[i, ]))))

# The answer to a question on a model: what was found, what was said meanwhile, and whether it may be
# held against another implementation. A warning speaks against it, a message is passed on.
answer_on <- function(model, question) {
  logged <- with_settings(fitting(with_log(question)))
  quality <- if (model$mixed) mixed_quality(model, logged$warnings)
             else linear_quality(unique(c(model$log, logged$warnings)))
  c(list(model = model_print(model)), logged$value,
    list(notes = I(logged$log), messages = I(model$log), quality = quality))
}

# emmeans, lmerTest's tables, nlme and glmmTMB paste names of columns into text and parse that.
need_plain_names <- function(columns, who) {
  odd <- columns[make.names(columns) != columns]
  if (length(odd))
    refuse("`", odd[1L], "` is no name that R reads without back-ticks, which ", who,
           " needs: rename the column")
}

need_plain_model <- function(model, who) {
  need_plain_names(c(all.vars(model$formula), model$weights, model$offset), who)
}
