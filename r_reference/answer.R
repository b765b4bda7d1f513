# One request, one answer: what run.R does for a file and the harness's worker for its parent.
#
# A request is a list with `question` and what the question needs:
#   lmer      formula {response, rhs}, data [column...], reml, df_method, conf_level
#             and if the model has them weights, offset (columns), contrasts {column: coding}
#   lm        formula, data, df_method, conf_level, weights, offset, contrasts
#   criterion formula, data, reml, theta, weights, offset, contrasts
#   session   nothing
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

ask <- function(request) {
  settle_locale()
  question <- request$question
  if (!is.character(question) || length(question) != 1L) refuse("no question asked")
  check_packages()
  if (question == "session") return(session())
  if (!question %in% c("lmer", "lm", "criterion")) refuse("unknown question `", question, "`")
  data <- build_frame(request$data)
  formula <- build_formula(request$formula$response, request$formula$rhs, names(data))
  weights <- asked_column(request$weights, data)
  offset <- asked_column(request$offset, data)
  contrasts <- asked_codings(request$contrasts)
  found <- switch(question,
    lmer = fit_lmer(formula, data, flag(request$reml), request$df_method, request$conf_level,
                    weights, offset, contrasts),
    lm = fit_lm(formula, data, request$df_method, request$conf_level, weights, offset, contrasts),
    criterion = criterion_at(formula, data, as.double(unlist(request$theta)), flag(request$reml),
                             weights, offset, contrasts))
  c(found, list(versions = session()))
}

flag <- function(value) {
  if (!is.logical(value) || length(value) != 1L || is.na(value)) refuse("`reml` is not true or false")
  value
}
