# One request, one answer: what run.R does for a file and the harness's worker for its parent.
#
# A request is a list with `question`, `data` [column...] and what the question takes. A model is
# formula {response, rhs}, reml, df_method, conf_level and, if it has them, weights, offset (columns),
# contrasts {column: coding}, theta (evaluate there, optimise nothing). The questions and what they
# take besides a model are listed in `questions` below; README.md says what they are about.
# An answer is list(answer = ...) or list(error = list(kind, message)), kind being `model` when R
# refuses to fit, `request` when the request is refused, and `internal` for anything else.

answer <- function(request) {
  tryCatch(
    list(answer = ask(request)),
    model_refused = function(e) failure("model", e),
    request_refused = function(e) failure("request", e),
    error = function(e) failure("internal", e)
  )
}

failure <- function(kind, e) {
  list(error = list(kind = kind, message = gsub("[[:space:]]+", " ", trimws(conditionMessage(e)))))
}

formula_keys <- c("formula", "weights", "offset", "contrasts")
model_keys <- c(formula_keys, "reml", "df_method", "conf_level", "theta")

fit_keys <- c(setdiff(model_keys, "theta"), "besides")

# By question: what it takes, the packages it needs besides, and who answers.
questions <- list(
  lmer = list(takes = c(fit_keys, "also_at"), ask = function(q) ask_lmer(q)),
  lm = list(takes = fit_keys, ask = function(q) ask_lm(q)),
  mmrm = list(takes = c(setdiff(fit_keys, c("weights", "offset")), "also_at", "subject", "visit", "covariance"),
              packages = "nlme", ask = function(q) ask_mmrm(q)),
  survreg = list(takes = c(setdiff(fit_keys, c("weights", "offset")), "censored"), packages = "survival",
                 ask = function(q) ask_survreg(q)),
  criterion = list(takes = c(formula_keys, "reml", "theta"), ask = function(q) ask_criterion(q)),
  intermediates = list(takes = model_keys, ask = function(q) intermediates(asked_model(q))),
  kenward_roger = list(takes = c(model_keys, "hypotheses"), ask = function(q)
    kenward_roger_pieces(asked_model(q), lapply(as.list(q$hypotheses), rows_of_numbers, "hypotheses"))),
  emmeans = list(takes = c(model_keys, "specs", "by", "at", "mean_weights", "var", "contrast",
                           "interaction", "ref", "adjust"),
                 packages = "emmeans", ask = function(q) ask_means(q)),
  joint_tests = list(takes = c(model_keys, "by", "at"), packages = "emmeans", ask = function(q)
    joint_tests_of(asked_model(q), texts(q$by, "by"), named(q$at, "at", levels_or_numbers))),
  anova = list(takes = c(model_keys, "type"), ask = function(q)
    term_tests(asked_model(q), test_type(q$type))),
  partial_eta_squared = list(takes = c(model_keys, "type", "eta_level"), ask = function(q)
    partial_eta_squared(asked_model(q), test_type(q$type),
                        if (is.null(q$eta_level)) 0.90 else level_of(q$eta_level, "eta_level"))),
  likelihood_ratio = list(takes = c("formulas", setdiff(formula_keys, "formula"), "reml"),
                          ask = function(q) ask_likelihood_ratio(q)),
  random_terms = list(takes = c(formula_keys, "reml"), ask = function(q)
    with_formula(q, function(formula, data, ...) random_term_tests(formula, data, flag(q$reml, "reml"), ...))),
  profile = list(takes = c(formula_keys, "conf_level", "which", "lme4"), ask = function(q)
    with_formula(q, function(formula, data, ...)
      profile_intervals(formula, data, level_of(q$conf_level), if (length(q$which)) texts(q$which, "which"),
                        ..., lme4 = if (is.null(q$lme4)) TRUE else flag(q$lme4, "lme4")))),
  predict = list(takes = c(model_keys, "newdata", "random", "new_levels"), ask = function(q) ask_predict(q)),
  moderation = list(takes = c(model_keys, "effect", "moderator", "values", "mean_sd", "per", "alpha"),
                    ask = function(q) ask_moderation(q)),
  effect_size = list(takes = c(model_keys, "of", "by_sd", "sd", "baseline", "arm", "per"),
                     ask = function(q) ask_effect_size(q)),
  hedges_g = list(takes = c("outcome", "arm", "compare", "conf_level"), ask = function(q) ask_hedges_g(q)),
  gls = list(takes = c("formula", "reml", "subject", "visit", "covariance", "at", "conf_level"),
             packages = "nlme", ask = function(q) ask_gls(q)),
  glmmtmb = list(takes = c("formula", "offset", "contrasts", "reml", "subject", "visit", "covariance",
                           "conf_level"),
                 packages = "glmmTMB", ask = function(q) ask_glmmtmb(q)),
  imputed = list(takes = c("formula", "reml", "df_method", "conf_level", "subject", "visit", "arm",
                           "covariates", "imputations", "iterations", "seed", "by_arm", "visits", "delta",
                           "delta_arm", "reference", "baseline"),
                 packages = "mice", ask = function(q) ask_imputed(q)),
  adjust = list(takes = c("p_values", "method", "n", "names"), ask = function(q) ask_adjust(q))
)

ask <- function(request) {
  settle_locale()
  question <- request$question
  if (!is.character(question) || length(question) != 1L) refuse("no question asked")
  check_packages()
  if (question == "session") return(session())
  asked <- if (!is.na(question)) questions[[question]]
  if (is.null(asked) || !question %in% names(questions)) refuse("unknown question `", question, "`")
  only(request, asked$takes)
  packages <- packages_for(request)
  check_packages(packages)
  # An environment, because `$` on a list completes names: `n` would be found in `names`.
  c(asked$ask(list2env(request)), list(versions = session(packages)))
}

# The packages that a request needs besides those that all need. Means are asked of a fit by its `besides`.
packages_for <- function(request) {
  question <- request$question
  if (!is.character(question) || length(question) != 1L || !question %in% names(questions)) return(NULL)
  parts <- unlist(request$besides$parts)
  of_means <- parts %in% setdiff(besides_parts, no_means)
  of_robust <- list(HC3 = "sandwich", CR2 = "clubSandwich")[unlist(request$besides$robust$kind)]
  c(questions[[question]]$packages, if (any(of_means)) "emmeans", unlist(of_robust, use.names = FALSE),
    if ("imputed" %in% parts) "mice")
}

# The columns sent, the formula over them, and weights, offset and contrasts by name.
with_formula <- function(q, use) {
  data <- build_frame(q$data)
  use(build_formula(q$formula$response, q$formula$rhs, names(data)), data,
      weights = asked_column(q$weights, data), offset = asked_column(q$offset, data),
      contrasts = asked_codings(q$contrasts))
}

asked_model <- function(q) {
  with_formula(q, function(formula, data, ...)
    reference_model(formula, data, reml = if (is.null(q$reml)) TRUE else flag(q$reml, "reml"),
                    df_method = optional(q$df_method, one_choice, "df_method", df_methods),
                    level = level_of(q$conf_level),
                    theta = if (!is.null(q$theta)) numbers(q$theta, "theta"), ...))
}

ask_lmer <- function(q) {
  df_method <- one_choice(q$df_method, "df_method", df_methods)
  also_at <- lapply(as.list(q$also_at), numbers, "also_at")
  besides <- asked_besides(q$besides)
  with_formula(q, function(formula, data, ...)
    fit_lmer(formula, data, flag(q$reml, "reml"), df_method, level_of(q$conf_level), ...,
             also_at = also_at, besides = besides))
}

ask_lm <- function(q) {
  df_method <- one_choice(q$df_method, "df_method", df_methods)
  besides <- asked_besides(q$besides)
  with_formula(q, function(formula, data, ...)
    fit_lm(formula, data, df_method, level_of(q$conf_level), ..., besides = besides))
}

ask_mmrm <- function(q) {
  df_method <- one_choice(q$df_method, "df_method", mmrm_df_methods)
  also_at <- lapply(as.list(q$also_at), numbers, "also_at")
  besides <- asked_besides(q$besides)
  with_formula(q, function(formula, data, weights, offset, contrasts)
    fit_mmrm(formula, data, one_text(q$subject, "subject"), one_text(q$visit, "visit"),
             one_choice(q$covariance, "covariance", gls_covariances), flag(q$reml, "reml"), df_method,
             level_of(q$conf_level), contrasts, also_at, besides))
}

ask_survreg <- function(q) {
  besides <- asked_besides(q$besides)
  with_formula(q, function(formula, data, weights, offset, contrasts)
    fit_survreg(formula, data, asked_column(one_text(q$censored, "censored"), data), level_of(q$conf_level), contrasts,
                besides))
}

ask_criterion <- function(q) {
  with_formula(q, function(formula, data, ...)
    criterion_at(formula, data, numbers(q$theta, "theta"), flag(q$reml, "reml"), ...))
}

test_type <- function(value) if (is.null(value)) 3L else as.integer(one_number(value, "type", 1, 3))

ask_means <- function(q) {
  contrast <- if (is.list(q$contrast)) named(q$contrast, "contrast", numbers)
              else optional(q$contrast, one_text, "contrast")
  ref <- if (is.character(q$ref)) one_text(q$ref, "ref") else optional(q$ref, one_number, "ref")
  marginal_means(asked_model(q), texts(q$specs, "specs"), texts(q$by, "by"),
                 named(q$at, "at", levels_or_numbers),
                 weights = if (is.null(q$mean_weights)) "equal" else one_text(q$mean_weights, "mean_weights"),
                 var = optional(q$var, one_text, "var"), contrast = contrast,
                 interaction = if (length(q$interaction)) texts(q$interaction, "interaction"), ref = ref,
                 adjust = if (is.null(q$adjust)) "none" else one_text(q$adjust, "adjust"))
}

ask_likelihood_ratio <- function(q) {
  data <- build_frame(q$data)
  formulas <- lapply(as.list(q$formulas), function(one) build_formula(one$response, one$rhs, names(data)))
  likelihood_ratio(formulas, data, if (is.null(q$reml)) FALSE else flag(q$reml, "reml"),
                   asked_column(q$weights, data), asked_column(q$offset, data), asked_codings(q$contrasts))
}

ask_predict <- function(q) {
  random <- if (is.null(q$random)) TRUE else flag(q$random, "random")
  new_levels <- if (is.null(q$new_levels)) FALSE else flag(q$new_levels, "new_levels")
  predictions(asked_model(q), if (!is.null(q$newdata)) build_frame(q$newdata), random, new_levels)
}

ask_moderation <- function(q) {
  moderation(asked_model(q), one_text(q$effect, "effect"), one_text(q$moderator, "moderator"),
             numbers(q$values, "values"),
             mean_sd = if (is.null(q$mean_sd)) FALSE else flag(q$mean_sd, "mean_sd"),
             per = optional(q$per, one_text, "per"),
             alpha = if (is.null(q$alpha)) 0.05 else level_of(q$alpha, "alpha"))
}

ask_effect_size <- function(q) {
  standardised(asked_model(q), named(q$of, "of", numbers), one_choice(q$by_sd, "by_sd", sd_names),
               sd = optional(q$sd, one_number, "sd"), baseline = optional(q$baseline, one_text, "baseline"),
               arm = optional(q$arm, one_text, "arm"), per = optional(q$per, one_text, "per"))
}

# Group by group, in the order compared: the first less the second.
ask_hedges_g <- function(q) {
  data <- build_frame(q$data)
  outcome <- asked_column(one_text(q$outcome, "outcome"), data)
  arm <- asked_column(one_text(q$arm, "arm"), data)
  compare <- texts(q$compare, "compare")
  if (length(compare) != 2L || compare[1L] == compare[2L]) refuse("`compare` names two groups")
  for (group in compare) if (!group %in% as.character(data[[arm]])) refuse("no group `", group, "`")
  if (!is.numeric(data[[outcome]])) refuse("`", outcome, "` is not a number")
  of <- function(group) data[[outcome]][which(as.character(data[[arm]]) == group)]
  hedges_g(of(compare[1L]), of(compare[2L]), level_of(q$conf_level))
}

ask_gls <- function(q) {
  with_formula(q, function(formula, data, ...)
    fit_gls(formula, data, one_text(q$subject, "subject"), one_text(q$visit, "visit"),
            one_choice(q$covariance, "covariance", gls_covariances),
            if (is.null(q$reml)) TRUE else flag(q$reml, "reml"),
            optional(q$at, rows_of_numbers, "at"), level_of(q$conf_level)))
}

ask_glmmtmb <- function(q) {
  repeated <- !is.null(q$subject) || !is.null(q$visit)
  with_formula(q, function(formula, data, weights, offset, contrasts)
    fit_glmmtmb(formula, data, if (is.null(q$reml)) TRUE else flag(q$reml, "reml"),
                if (repeated) one_text(q$subject, "subject"), if (repeated) one_text(q$visit, "visit"),
                if (repeated) one_choice(q$covariance, "covariance", names(tmb_structures)) else "un",
                level_of(q$conf_level), offset, contrasts))
}

ask_imputed <- function(q) {
  # Here, because an argument that is never used would never be looked at.
  imputations <- whole_number(q$imputations, "imputations", 3)
  iterations <- whole_number(q$iterations, "iterations", 1)
  seed <- whole_number(q$seed, "seed", 0)
  with_formula(q, function(formula, data, ...)
    imputed_model(formula, data, one_text(q$subject, "subject"), one_text(q$visit, "visit"),
                  one_text(q$arm, "arm"), texts(q$covariates, "covariates"), imputations, iterations, seed,
                  if (is.null(q$by_arm)) TRUE else flag(q$by_arm, "by_arm"),
                  optional(q$visits, levels_or_numbers, "visits"),
                  if (is.null(q$delta)) 0 else one_number(q$delta, "delta"),
                  optional(q$delta_arm, one_text, "delta_arm"), optional(q$reference, one_text, "reference"),
                  optional(q$baseline, function(value, name)
                    if (is.character(value)) one_text(value, name) else one_number(value, name), "baseline"),
                  if (is.null(q$reml)) TRUE else flag(q$reml, "reml"),
                  optional(q$df_method, one_choice, "df_method", df_methods), level_of(q$conf_level)))
}

ask_adjust <- function(q) {
  p <- vapply(as.list(q$p_values), function(one)
    if (is.null(one)) NA_real_ else one_number(one, "p_values", 0, 1), 0)
  if (!length(p)) refuse("`p_values` is empty")
  adjusted_p(p, one_choice(q$method, "method", adjustments_of_p),
             optional(q$n, one_number, "n"), if (length(q$names)) texts(q$names, "names"))
}
