# The criterion at a given theta: no optimiser, so that two implementations of the algebra can be
# compared to the last digits whatever their optimisers do.
#
#   criterion_at(Reaction ~ Days + (Days | Subject), lme4::sleepstudy, c(1, 0, 1))

criterion_at <- function(formula, data, theta, reml = TRUE, weights = NULL, offset = NULL,
                         contrasts = list()) {
  with_settings(fitting({
    data <- coded_data(formula, data, weights, offset, contrasts)
    logged <- with_log(criterion_function(formula, data, reml, weights, offset))
    wanted <- length(environment(logged$value)$lower)
    if (length(theta) != wanted)
      refuse("theta has ", length(theta), " elements where the model has ", wanted)
    list(criterion = logged$value(theta), messages = I(logged$log))
  }))
}
