# boot's intervals from replicates made elsewhere; one JSON object on stdout.
#
#   Rscript bootstrap.R replicates.csv level
#
# The file's first row is the estimate, the others are replicates; one column a quantity.
given <- as.matrix(read.csv(commandArgs(TRUE)[1], header = FALSE))
level <- as.numeric(commandArgs(TRUE)[2])
estimate <- given[1, ]
replicates <- given[-1, , drop = FALSE]
made <- structure(list(t0 = estimate, t = replicates, R = nrow(replicates), data = given,
                       call = quote(boot(sim = "parametric"))), class = "boot")
bounds <- lapply(seq_along(estimate), function(k) {
  found <- boot::boot.ci(made, conf = level, type = c("norm", "basic", "perc"), index = k,
                         t0 = estimate[k], t = replicates[, k])
  list(normal = tail(found$normal[1, ], 2), basic = tail(found$basic[1, ], 2),
       percentile = tail(found$percent[1, ], 2))
})
cat(jsonlite::toJSON(bounds, digits = I(15)))
