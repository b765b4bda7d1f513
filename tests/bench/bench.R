# Times lme4::lmer and lmerTest on one CSV file; a JSON object on stdout.
#
#   Rscript bench.R data.csv formula factors what repetitions
#
# factors: columns to make factors of, parted by ";". what: "fit", "summary", "kenward-roger",
# "table" (the Kenward-Roger table of a fit made before), "profile" (profile intervals of such a
# fit), or "memory": the most memory the process ever had in use when it ends, in MB, from Linux's
# record of it. Times are processor times.
suppressMessages({library(lme4); library(lmerTest)})
asked <- commandArgs(TRUE)
data <- read.csv(asked[1], stringsAsFactors = TRUE)
for (name in strsplit(asked[3], ";")[[1]]) data[[name]] <- factor(data[[name]])
formula <- as.formula(asked[2])
repetitions <- as.integer(asked[5])
in_use <- function(key) {
  line <- grep(key, readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}
if (asked[4] == "memory") {
  invisible(lme4::lmer(formula, data))
  cat(jsonlite::toJSON(list(MB = in_use("VmHWM")), auto_unbox = TRUE, digits = NA))
  quit()
}
run <- switch(asked[4],
  fit = function() lme4::lmer(formula, data),
  summary = function() summary(lmerTest::lmer(formula, data)),
  "kenward-roger" = function() summary(lmerTest::lmer(formula, data), ddf = "Kenward-Roger"),
  profile = {
    fit <- lme4::lmer(formula, data)
    function() confint(fit, method = "profile", quiet = TRUE)
  },
  table = {
    fit <- lmerTest::lmer(formula, data)
    function() summary(fit, ddf = "Kenward-Roger")
  })
busy <- function() sum(proc.time()[c("user.self", "sys.self")])
quiet <- function() suppressMessages(suppressWarnings(run()))
if (repetitions > 2) invisible(quiet())
times <- vapply(seq_len(repetitions), function(k) {
  gc(FALSE)
  start <- busy()
  rounds <- if (repetitions > 2) 5 else 1   # proc.time has milliseconds
  for (r in seq_len(rounds)) quiet()
  (busy() - start) / rounds
}, 0)
cat(jsonlite::toJSON(list(seconds = median(times)), auto_unbox = TRUE, digits = NA))
