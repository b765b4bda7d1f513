# Fits the models of jobs.json with lme4 and lmerTest as they come and with the optimiser tightened;
# every number with 17 digits, as JSON on stdout.
#
#   Rscript digits.R folder
suppressMessages({library(lme4); library(lmerTest)})
folder <- commandArgs(TRUE)[1]
jobs <- jsonlite::fromJSON(file.path(folder, "jobs.json"), simplifyVector = FALSE)
spell <- function(x) paste0("[", paste(sprintf("%.17g", x), collapse = ","), "]")
tight <- lmerControl(optCtrl = list(xtol_rel = 0, xtol_abs = 1e-12, ftol_abs = 0, maxeval = 10000))
numbers <- function(job, data, control) {
  fit <- suppressMessages(suppressWarnings(
    lmerTest::lmer(as.formula(job$formula), data, REML = job$reml, control = control)))
  table <- coef(summary(fit))
  parts <- list(
    criterion = if (job$reml) REMLcrit(fit) else deviance(fit),
    beta = table[, "Estimate"], std_error = table[, "Std. Error"], sigma = sigma(fit),
    theta = getME(fit, "theta"), df = table[, "df"])
  paste0("{", paste0('"', names(parts), '":', vapply(parts, spell, ""), collapse = ","), "}")
}
answers <- vapply(jobs, function(job) {
  data <- read.csv(file.path(folder, paste0(job$name, ".csv")), colClasses = "character")
  for (name in names(data)) {
    levels <- unlist(job$levels[[name]])
    data[[name]] <- if (is.null(levels)) as.numeric(data[[name]]) else factor(data[[name]], levels)
  }
  paste0('"', job$name, '":{"default":', numbers(job, data, lmerControl()),
         ',"tight":', numbers(job, data, tight), "}")
}, "")
cat("{", paste(answers, collapse = ",\n"), "}", sep = "")
