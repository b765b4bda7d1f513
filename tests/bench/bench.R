# Times lme4::lmer and lmerTest on the CSV files of a folder; one JSON object on stdout.
#
#   Rscript bench.R folder
#
# Each line of jobs.csv: name, file, formula, factors (;), repetitions, what ("fit", "summary",
# "kenward-roger", or "table": the Kenward-Roger table of a fit made before).
suppressMessages({library(lme4); library(lmerTest)})
folder <- commandArgs(TRUE)[1]
jobs <- read.csv(file.path(folder, "jobs.csv"), stringsAsFactors = FALSE)
seconds <- lapply(seq_len(nrow(jobs)), function(i) {
  job <- jobs[i, ]
  data <- read.csv(file.path(folder, job$file), stringsAsFactors = TRUE)
  for (name in strsplit(job$factors, ";")[[1]]) data[[name]] <- factor(data[[name]])
  formula <- as.formula(job$formula)
  run <- switch(job$what,
    fit = function() lme4::lmer(formula, data),
    summary = function() summary(lmerTest::lmer(formula, data)),
    "kenward-roger" = function() summary(lmerTest::lmer(formula, data), ddf = "Kenward-Roger"),
    table = {
      fit <- lmerTest::lmer(formula, data)
      function() summary(fit, ddf = "Kenward-Roger")
    })
  quiet <- function() suppressMessages(suppressWarnings(run()))
  if (job$repetitions > 1) quiet()
  times <- vapply(seq_len(job$repetitions), function(k) {
    gc(FALSE)
    start <- proc.time()[["elapsed"]]
    rounds <- if (job$repetitions > 1) 5 else 1   # proc.time has milliseconds
    for (r in seq_len(rounds)) quiet()
    (proc.time()[["elapsed"]] - start) / rounds
  }, 0)
  median(times)
})
cat(jsonlite::toJSON(setNames(seconds, jobs$name), auto_unbox = TRUE, digits = NA))
