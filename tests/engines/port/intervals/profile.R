# Profile deviances by lme4's own deviance functions and R's optimisers; one JSON object on stdout.
#
#   Rscript profile.R folder
#
# models.json: for each model its file, formula, random part, factors, whether to ask confint, and
# bounds. A bound is a parameter held at a value: `component` k of lme4's standard deviations and
# correlations with sigma last, or `fixed` k, a coefficient. The answer is the lowest deviance there.
suppressMessages(library(lme4))
folder <- commandArgs(TRUE)[1]
models <- jsonlite::read_json(file.path(folder, "models.json"), simplifyVector = FALSE)
tight <- lmerControl(optimizer = "nloptwrap", calc.derivs = FALSE,
                     optCtrl = list(xtol_rel = 0, ftol_rel = 0, xtol_abs = 1e-12, ftol_abs = 0,
                                    maxeval = 1e5),
                     check.nobs.vs.nRE = "ignore", check.nobs.vs.nlev = "ignore")
quietly <- function(code) suppressMessages(suppressWarnings(code))

# Lowest value of the deviance function over every parameter but one, from several starts. R's
# optimiser sees correlations as angles, in which the deviance is smooth up to a perfect one.
lowest <- function(deviance, k, value, at, kind) {
  free <- setdiff(seq_along(at), k)
  # devfun2 wants a positive definite matrix: a perfect correlation is one less 1e-8.
  inside <- function(p) ifelse(kind == "cor", pmin(pmax(p, -1 + 1e-8), 1 - 1e-8), p)
  angles <- kind[free] == "cor"
  f <- function(p) {
    full <- at
    full[k] <- value
    full[free] <- ifelse(angles, sin(p), p)
    tryCatch(deviance(inside(full)), error = function(e) 1e10)
  }
  if (!length(free)) return(f(numeric()))
  lower <- c(sd = 0, cor = -pi / 2, sigma = 1e-6)[kind[free]]
  upper <- c(sd = Inf, cor = pi / 2, sigma = Inf)[kind[free]]
  best <- Inf
  # A standard deviation of zero is stationary by symmetry: one start lies beside it.
  beside <- pmax(at[free], 0.2 * at[length(at)])
  for (start in list(at[free], 0.7 * at[free], beside)) {
    for (angle in if (any(angles)) c(-1, 0, 1) else 0) {
      p <- pmin(pmax(ifelse(angles, angle, start), lower), upper)
      for (again in 1:2)
        p <- nlminb(p, f, lower = lower, upper = upper, scale = 1 / pmax(abs(at[free]), 0.1),
                    control = list(rel.tol = 1e-15, x.tol = 1e-14, eval.max = 2000,
                                   iter.max = 2000))$par
      best <- min(best, f(p))
    }
  }
  best
}

answers <- lapply(models, function(model) {
  data <- read.csv(file.path(folder, model$file), stringsAsFactors = FALSE)
  for (name in names(model$factors))
    data[[name]] <- factor(data[[name]], levels = unlist(model$factors[[name]]))
  fit <- quietly(lmer(as.formula(model$formula), data, REML = FALSE, control = tight))
  deviance <- lme4:::devfun2(fit, useSc = TRUE, signames = FALSE)
  kind <- unlist(model$kinds)
  at <- unname(attr(deviance, "optimum")[seq_along(kind)])
  at[kind == "cor" & is.na(at)] <- 0
  X <- getME(fit, "X")
  y <- getME(fit, "y")
  values <- vapply(model$bounds, function(bound) {
    if (bound$what == "component")
      return(lowest(deviance, bound$k, bound$value, at, kind))
    data$held_ <- y - X[, bound$k] * bound$value
    rest <- X[, -bound$k, drop = FALSE]
    names <- sprintf("x%d_", seq_len(ncol(rest)))
    data[names] <- as.data.frame(rest)
    text <- paste("held_ ~", paste(c("0", names, model$random), collapse = " + "))
    -2 * as.numeric(logLik(quietly(lmer(as.formula(text), data, REML = FALSE, control = tight))))
  }, 0)
  intervals <- if (isTRUE(model$confint))
    quietly(unname(confint(fit, method = "profile", quiet = TRUE)))
  list(deviance = -2 * as.numeric(logLik(fit)), values = I(values), confint = intervals)
})
cat(jsonlite::toJSON(setNames(answers, names(models)), digits = I(15), auto_unbox = TRUE,
                     na = "null"))
