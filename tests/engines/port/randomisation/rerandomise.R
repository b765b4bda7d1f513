# lme4's and lm's t on the draws of a folder's models; one JSON object on stdout.
#
#   Rscript rerandomise.R folder
suppressMessages(library(lme4))
folder <- commandArgs(TRUE)[1]
models <- jsonlite::read_json(file.path(folder, "models.json"), simplifyVector = FALSE)
tight <- lmerControl(optimizer = "nloptwrap", calc.derivs = FALSE, optCtrl = list(
  algorithm = "NLOPT_LN_BOBYQA", xtol_rel = 0, ftol_rel = 0, xtol_abs = 1e-12, ftol_abs = 0,
  maxeval = 1e5))
answers <- lapply(models, function(model) {
  data <- read.csv(file.path(folder, model$file), stringsAsFactors = FALSE)
  for (name in names(model$factors))
    data[[name]] <- factor(data[[name]], levels = unlist(model$factors[[name]]))
  patients <- unlist(model$patients)
  arms <- data$arm[match(patients, data$id)]
  formula <- as.formula(model$formula)
  t <- vapply(model$draws, function(places) {
    data$arm <- arms[unlist(places) + 1L][match(data$id, patients)]
    fit <- if (model$mixed) suppressMessages(lmer(formula, data, control = tight)) else lm(formula, data)
    coef(summary(fit))[model$term, "t value"]
  }, 0)
  list(t = sprintf("%.17g", t))
})
cat(jsonlite::toJSON(setNames(answers, names(models)), auto_unbox = TRUE))
