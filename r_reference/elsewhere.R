# The algebra away from the optimum: criterion, sigma, coefficients and their errors at given thetas,
# nothing optimised, so that two implementations can be compared to the last digits there too.
#
#   evaluated_at(Reaction ~ Days + (Days | Subject), lme4::sleepstudy, TRUE, list(c(1, 0, 1)))
#
# Where lme4 would start its search comes first, then each theta of `also_at` that is one of this model.

evaluated_at <- function(formula, data, reml, also_at = list(), weights = NULL, offset = NULL) {
  surface <- environment(criterion_function(formula, data, reml, weights, offset))
  lower <- surface$lower
  possible <- Filter(function(theta) {
    length(theta) == length(lower) && all(is.finite(theta)) && all(theta >= lower)
  }, also_at)
  thetas <- c(list(start = surface$pp$theta), stats::setNames(possible, rep("asked", length(possible))))
  lapply(seq_along(thetas), function(i) {
    # Whatever lme4 would say of convergence, nothing converged here.
    fit <- with_log(fit_at(formula, data, thetas[[i]], reml, "z", weights, offset))$value
    table <- coef(summary(fit))
    list(place = names(thetas)[i],
         theta = I(as.double(unname(thetas[[i]]))),
         criterion = criterion_of(fit),
         sigma = sigma(fit),
         coefficients = lapply(seq_len(nrow(table)), function(j)
           list(term = rownames(table)[j], estimate = table[j, "Estimate"], std_error = table[j, "Std. Error"])))
  })
}
