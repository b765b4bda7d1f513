# pbkrtest on the models of a folder; one JSON object on stdout.
#
#   Rscript kenward_roger.R folder
#
# models.json: name, file, formula, factors, theta, contrasts (rows) for each model. Nothing is
# optimised: lme4 evaluates the model at the theta it is given.
suppressMessages({library(lme4); library(lmerTest)})
folder <- commandArgs(TRUE)[1]
models <- jsonlite::read_json(file.path(folder, "models.json"), simplifyVector = FALSE)
control <- lmerControl(optimizer = NULL, calc.derivs = FALSE,
                       check.nobs.vs.nRE = "ignore", check.nobs.vs.nlev = "ignore")
answers <- lapply(models, function(model) {
  data <- read.csv(file.path(folder, model$file), stringsAsFactors = FALSE)
  for (name in names(model$factors))
    data[[name]] <- factor(data[[name]], levels = unlist(model$factors[[name]]))
  fit <- suppressMessages(suppressWarnings(
    lmerTest::lmer(as.formula(model$formula), data, control = control,
                   start = as.numeric(unlist(model$theta)))))
  table <- coef(summary(fit, ddf = "Kenward-Roger"))
  L <- do.call(rbind, lapply(model$contrasts, function(row) as.numeric(unlist(row))))
  joint <- pbkrtest::KRmodcomp(fit, L)$stats
  list(std_error = table[, "Std. Error"], df = table[, "df"], p_value = table[, "Pr(>|t|)"],
       vcov = unname(as.matrix(pbkrtest::vcovAdj(fit))),
       num_df = joint$ndf, den_df = joint$ddf, scale = joint$F.scaling,
       f_value = joint$Fstat, joint_p = joint$p.value)
})
cat(jsonlite::toJSON(setNames(answers, names(models)), digits = I(17), auto_unbox = TRUE))
