# What lme4's refit() says of a simulated response, and what a fresh lmer says.
#
#   Rscript refit_trap.R r_reference_folder output_folder
#
# Writes response.csv, and refit.json and fresh.json in the form of every reference answer.
folder <- normalizePath(commandArgs(TRUE)[1])
out <- normalizePath(commandArgs(TRUE)[2])
suppressMessages({library(lme4); library(lmerTest)})
source(file.path(folder, "run.R"), chdir = TRUE)
settle_locale()
data <- lme4::sleepstudy
data$Subject <- factor(as.character(data$Subject))
formula <- Reaction ~ Days + (1 | Subject)
fit <- lmerTest::lmer(formula, data)
data$Reaction <- simulate(fit, nsim = 1, seed = 1)[[1]]
writeLines(sprintf("%.17g", data$Reaction), file.path(out, "response.csv"))

# A merMod's numbers as fit_lmer gives them, of a fit that was made by refit().
told <- function(fit) with_settings(list(
  engine = "lme4", formula = deparse1(formula), reml = TRUE, df_method = "residual",
  n_obs = nobs(fit), groups = group_counts(fit), singular = isSingular(fit), converged = TRUE,
  messages = I(character()), fixed = fixed_table(fit, "residual", 0.95),
  random = random_table(fit), fit = fit_statistics(fit, criterion_of(fit)),
  theta = I(unname(getME(fit, "theta"))),
  min_eigen = min(vapply(getME(fit, "Tlist"), function(T) min(svd(T)$d), 0)),
  problem = problem_lmer(fit), quality = NULL))
write_answer(told(lme4::refit(fit, data$Reaction)), file.path(out, "refit.json"))
write_answer(fit_lmer(formula, data, TRUE, "residual"), file.path(out, "fresh.json"))
cat(as.character(packageVersion("lme4")))
