# lmerTest and lme4 on the models of a folder; one JSON object on stdout.
#
#   Rscript hypotheses.R folder
#
# models.json, for each model: name, file, factors, formula, reml, and either theta (nothing is then
# optimised) with types, ddf, drop (ddf for drop1), contrasts (coding by factor) and hypotheses (matrices of rows) for
# anova and contestMD; or random (for ranova) or others (formulas, for anova of several models), which
# R fits itself, tightly.
suppressMessages({library(lme4); library(lmerTest)})
folder <- commandArgs(TRUE)[1]
models <- jsonlite::read_json(file.path(folder, "models.json"), simplifyVector = FALSE)
ignore <- list(check.nobs.vs.nRE = "ignore", check.nobs.vs.nlev = "ignore",
               check.nlev.gtr.1 = "ignore", check.conv.singular = "ignore", calc.derivs = FALSE)
given <- do.call(lmerControl, c(list(optimizer = NULL), ignore))
tight <- do.call(lmerControl, c(list(optimizer = "nloptwrap", optCtrl = list(
  xtol_rel = 0, xtol_abs = 1e-12, ftol_rel = 0, ftol_abs = 0, maxeval = 20000)), ignore))
columns <- function(table) {
  out <- lapply(as.list(as.data.frame(table)), function(x) ifelse(is.na(x), "NA", x))
  c(list(term = rownames(table)), out)
}
quiet <- function(expression) suppressMessages(suppressWarnings(expression))
answers <- lapply(models, function(model) {
  data <- read.csv(file.path(folder, model$file), stringsAsFactors = FALSE)
  for (name in names(model$factors))
    data[[name]] <- factor(data[[name]], levels = unlist(model$factors[[name]]))
  reml <- !identical(model$reml, FALSE)
  fit <- function(formula, control, ...) quiet(lmerTest::lmer(
    as.formula(formula), data, REML = reml, control = control, ...))
  if (!is.null(model$linear)) {
    linear <- lm(as.formula(model$formula), data)
    car_like <- quiet(drop1(linear, test = "F"))
    return(list(one = columns(anova(linear)), drop = columns(car_like)))
  }
  if (isTRUE(model$random)) return(columns(quiet(ranova(fit(model$formula, tight)))))
  if (!is.null(model$others)) {
    fits <- lapply(c(model$formula, unlist(model$others)), function(formula)
      if (grepl("|", formula, fixed = TRUE)) fit(formula, tight) else lm(as.formula(formula), data))
    refit <- !identical(model$refit, FALSE)
    return(columns(quiet(do.call(anova, c(fits, list(refit = refit))))))
  }
  coding <- if (length(model$contrasts)) model$contrasts else NULL
  made <- fit(model$formula, given, start = as.numeric(unlist(model$theta)), contrasts = coding)
  tables <- list()
  for (type in unlist(model$types)) for (ddf in unlist(model$ddf))
    tables[[paste(type, ddf)]] <- columns(quiet(anova(made, type = type, ddf = ddf)))
  for (ddf in unlist(model$drop))
    tables[[paste("drop", ddf)]] <- columns(quiet(drop1(made, ddf = ddf)))
  tests <- lapply(model$hypotheses, function(L) {
    L <- do.call(rbind, lapply(L, function(row) as.numeric(unlist(row))))
    as.list(contestMD(made, L))
  })
  list(tables = tables, tests = tests)
})
cat(jsonlite::toJSON(setNames(answers, names(models)), digits = I(17), auto_unbox = TRUE))
