# Rscript repeated.R folder r_reference: nlme's gls and glmmTMB on the models of folder/models.json.
#
# Each model gives: gls at its own tightened optimum; gls at the port's covariance, where only the
# scale is left to find; glmmTMB, where it has the structure. JSON with 17 digits to stdout.

arguments <- commandArgs(TRUE)
folder <- arguments[1]
source(file.path(arguments[2], "run.R"), chdir = TRUE)
suppressPackageStartupMessages(library(glmmTMB))
models <- jsonlite::read_json(file.path(folder, "models.json"), simplifyVector = FALSE)

# Random effects by visit with the residual variance fixed at (nearly) zero are the residuals.
by_glmmtmb <- function(model, formula, data) {
  data$.visit <- factor(as.integer(factor(data[[model$visit]])))
  data$.subject <- factor(data[[model$subject]])
  V <- nlevels(data$.visit)
  kind <- c(un = "us", cs = "cs", csh = "cs", ar1 = "ar1", toep = "toep", toeph = "toep",
            diag = "diag")[[model$covariance]]
  random <- str2lang(sprintf("%s(0 + .visit | .subject)", kind))
  full <- formula
  full[[3L]] <- call("+", formula[[3L]], random)
  sizes <- c(us = V * (V + 1) / 2, cs = V + 1, ar1 = 2, toep = 2 * V - 1, diag = V)
  theta <- seq_len(sizes[[kind]])
  if (model$covariance %in% c("cs", "toep")) theta[seq_len(V)] <- 1L  # one variance for all
  tight <- glmmTMBControl(optCtrl = list(iter.max = 1e4, eval.max = 1e4, rel.tol = 1e-15,
                                         x.tol = 1e-13))
  fit <- suppressWarnings(glmmTMB(full, data, dispformula = ~ 0, REML = model$reml,
                                  map = list(theta = factor(theta)), control = tight))
  Sigma <- VarCorr(fit)$cond$.subject
  list(beta = unname(fixef(fit)$cond), std_error = unname(sqrt(diag(vcov(fit)$cond))),
       criterion = -2 * as.numeric(logLik(fit)), covariance_matrix = unname(Sigma[1:V, 1:V]))
}

answers <- lapply(models, function(model) {
  data <- read.csv(file.path(folder, model$file), stringsAsFactors = FALSE)
  for (name in names(model$factors))
    data[[name]] <- factor(data[[name]], levels = unlist(model$factors[[name]]))
  formula <- as.formula(model$formula)
  at <- do.call(rbind, lapply(model$at, function(row) as.numeric(unlist(row))))
  ask <- function(at) fit_gls(formula, data, model$subject, model$visit, model$covariance,
                              model$reml, at)
  c(list(there = ask(at)),
    if (model$optimise) list(own = ask(NULL)),
    if (model$glmmtmb) list(tmb = by_glmmtmb(model, formula, data)))
})
cat(to_json(setNames(answers, names(models))))
