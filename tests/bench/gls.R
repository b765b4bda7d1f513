# Times nlme::gls on one CSV file; a JSON object on stdout.
#
#   Rscript gls.R data.csv covariance repetitions
#
# covariance: "un" or "ar1h". Processor times, of fits with gls's default control but for the
# optimiser, as the default one stops early on unstructured covariances.
suppressMessages(library(nlme))
asked <- commandArgs(TRUE)
data <- read.csv(asked[1], stringsAsFactors = TRUE)
data$visit <- as.integer(data$week)
control <- glsControl(opt = "optim", msMaxIter = 500, returnObject = TRUE)
run <- function() gls(y ~ base + arm * week, data, control = control,
  correlation = switch(asked[2], un = corSymm(form = ~ visit | id),
                       ar1h = corAR1(form = ~ visit | id)),
  weights = varIdent(form = ~ 1 | visit))
busy <- function() sum(proc.time()[c("user.self", "sys.self")])
times <- vapply(seq_len(as.integer(asked[3])), function(k) {
  start <- busy()
  run()
  busy() - start
}, 0)
cat(jsonlite::toJSON(list(seconds = median(times)), auto_unbox = TRUE, digits = NA))
