# Rscript forms.R FOLDER
#
# Every model of FOLDER/models.json by lme4 as a user would call it: once at the theta given, nothing
# optimised, once at a tightened optimum. Prints JSON, doubles as text with 17 digits.

suppressMessages({
  library(lme4)
  library(jsonlite)
})
options(contrasts = c("contr.treatment", "contr.treatment"), warn = -1)

folder <- commandArgs(TRUE)[1L]
exact <- function(x) sprintf("%.17g", as.double(x))
tight <- lmerControl(optimizer = "nloptwrap", calc.derivs = FALSE, check.nobs.vs.nRE = "ignore",
  optCtrl = list(algorithm = "NLOPT_LN_BOBYQA", xtol_rel = 0, ftol_rel = 0, xtol_abs = 1e-12,
                 ftol_abs = 0, maxeval = 1e5))
still <- lmerControl(optimizer = NULL, calc.derivs = FALSE, check.nobs.vs.nRE = "ignore")

read <- function(model) {
  data <- read.csv(file.path(folder, model$file), colClasses = "character", na.strings = "")
  for (name in names(data)) {
    levels <- model$factors[[name]]
    data[[name]] <- if (is.null(levels)) as.numeric(data[[name]]) else factor(data[[name]], levels)
  }
  for (name in names(model$contrasts)) {
    how <- model$contrasts[[name]]
    coding <- if (is.character(how)) get(paste0("contr.", how))(nlevels(data[[name]]))
              else `colnames<-`(how$matrix, how$names)
    contrasts(data[[name]], ncol(coding)) <- coding
  }
  data
}

numbers <- function(fit) {
  list(criterion = exact(if (isREML(fit)) REMLcrit(fit) else -2 * as.numeric(logLik(fit))),
       beta = exact(fixef(fit)), std_error = exact(sqrt(diag(as.matrix(vcov(fit))))),
       sigma = exact(sigma(fit)), theta = exact(getME(fit, "theta")), fitted = exact(fitted(fit)))
}

answer <- function(model) {
  data <- read(model)
  fit <- function(control, ..., fitter = lme4::lmer) {
    call <- list(fitter, as.formula(model$formula), data, REML = model$reml, control = control, ...)
    if (!is.null(model$weights)) call$weights <- data[[model$weights]]
    if (!is.null(model$offset)) call$offset <- data[[model$offset]]
    suppressMessages(eval(as.call(call)))
  }
  here <- fit(still, start = model$theta)
  X <- getME(here, "X")
  tested <- fit(still, start = model$theta, fitter = lmerTest::lmer)
  found <- list(names = colnames(X), X = exact(t(X)), effects = unname(here@cnms),
                groups = unname(vapply(getME(here, "flist"), nlevels, 1L)),
                at = numbers(here), own = numbers(fit(tight)),
                df = exact(coef(summary(tested, ddf = "Satterthwaite"))[, "df"]))
  if (isTRUE(model$kenward_roger)) {
    adjusted <- coef(summary(tested, ddf = "Kenward-Roger"))
    found$kr_error <- exact(adjusted[, "Std. Error"])
    found$kr_df <- exact(adjusted[, "df"])
  }
  found
}

cat(toJSON(lapply(fromJSON(file.path(folder, "models.json")), answer), auto_unbox = FALSE))
