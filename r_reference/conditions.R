# Warnings and messages as data.

# Evaluates `expr` and returns list(value, log, warnings): each warning and message said once, in
# order; the warnings once more by themselves.
with_log <- function(expr) {
  log <- character()
  warnings <- character()
  note <- function(condition) gsub("[[:space:]]+", " ", trimws(conditionMessage(condition)))
  value <- withCallingHandlers(
    expr,
    warning = function(w) {
      log <<- c(log, note(w))
      warnings <<- c(warnings, note(w))
      invokeRestart("muffleWarning")
    },
    message = function(m) {
      log <<- c(log, note(m))
      invokeRestart("muffleMessage")
    }
  )
  list(value = value, log = unique(log), warnings = unique(warnings))
}

# Evaluates `expr` under the settings the reference is defined by, whatever the session has:
# treatment contrasts for every factor, incomplete rows omitted, warnings not turned into errors.
with_settings <- function(expr) {
  old <- options(contrasts = c(unordered = "contr.treatment", ordered = "contr.treatment"),
                 na.action = "na.omit", warn = 1)
  on.exit(options(old))
  expr
}

# Evaluates `expr`; an error becomes one that says the model, not the machinery, was refused.
fitting <- function(expr) {
  tryCatch(expr, error = function(e) {
    if (inherits(e, "request_refused")) stop(e)
    stop(structure(class = c("model_refused", "error", "condition"),
                   list(message = conditionMessage(e), call = NULL)))
  })
}
