# lme4 on the models of a folder, at the theta it is given; one JSON object on stdout.
#
#   Rscript influence.R folder
suppressMessages(library(lme4))
folder <- commandArgs(TRUE)[1]
models <- jsonlite::read_json(file.path(folder, "models.json"), simplifyVector = FALSE)
ignore <- list(check.nobs.vs.nRE = "ignore", check.nobs.vs.nlev = "ignore")
still <- do.call(lmerControl, c(list(optimizer = NULL, calc.derivs = FALSE), ignore))
tight <- do.call(lmerControl, c(list(optimizer = "nloptwrap", calc.derivs = FALSE, optCtrl = list(
  algorithm = "NLOPT_LN_BOBYQA", xtol_rel = 0, ftol_rel = 0, xtol_abs = 1e-12, ftol_abs = 0,
  maxeval = 1e5)), ignore))
text <- function(x) sprintf("%.17g", as.vector(x))
quiet <- function(x) suppressMessages(suppressWarnings(x))
answers <- lapply(models, function(model) {
  data <- read.csv(file.path(folder, model$file), stringsAsFactors = FALSE)
  for (name in names(model$factors))
    data[[name]] <- factor(data[[name]], levels = unlist(model$factors[[name]]))
  formula <- as.formula(model$formula)
  data$prior <- if (nzchar(model$weights)) data[[model$weights]] else rep(1, nrow(data))
  fit <- quiet(lmer(formula, data, weights = prior, control = still, REML = model$reml,
                    start = as.numeric(unlist(model$theta))))
  effects <- ranef(fit, condVar = TRUE)
  sds <- lapply(effects, function(e) {
    v <- attr(e, "postVar")
    if (is.list(v)) do.call(rbind, lapply(v, function(one) sqrt(apply(one, 3, diag))))
    else matrix(sqrt(apply(v, 3, diag)), nrow = dim(v)[1])  # one row an effect
  })
  answer <- list(hat = text(hatvalues(fit)), cook = text(cooks.distance(fit)),
                 pearson = text(residuals(fit, type = "pearson")),
                 scaled = text(residuals(fit, type = "pearson", scaled = TRUE)),
                 marginal = text(data[[all.vars(formula)[1]]] - predict(fit, re.form = NA)),
                 sd = lapply(sds, text))
  if (isTRUE(model$leave_out)) {
    group <- names(getME(fit, "flist"))[1]
    answer$without <- lapply(levels(data[[group]]), function(level) {
      less <- droplevels(data[data[[group]] != level, ])
      other <- quiet(lmer(formula, less, weights = prior, control = tight))
      list(beta = text(fixef(other)), se = text(sqrt(diag(as.matrix(vcov(other))))),
           sigma = text(sigma(other)), criterion = text(REMLcrit(other)))
    })
    # lme4's own, by its default optimiser: influence() replaces options that a control brings, and
    # after a tightened fit its deletions stop 0.07 standard errors away, after 8 evaluations.
    free <- quiet(lmer(formula, data))
    own <- quiet(influence(free, groups = group, ncores = 1))
    less <- own[[grep("^fixed.effects\\[-", names(own))]]
    vcovs <- own[[grep("^vcov\\[-", names(own))]]
    V <- as.matrix(vcov(free))
    answer$lme4 <- list(
      deleted = as.character(own$deleted),
      beta = text(t(less)), se = text(sapply(vcovs, function(v) sqrt(diag(as.matrix(v))))),
      full = text(fixef(free)), vcov = text(V),
      dfbeta = text(t(dfbeta(own))), dfbetas = text(t(dfbetas(own))),
      cook = text(cooks.distance(own)))
  }
  answer
})
cat(jsonlite::toJSON(setNames(answers, names(models)), auto_unbox = TRUE))
