# Tests of the coefficients with errors that do not believe the model's variances, asked of a fit.
#
#   fit_lm(angle ~ recipe * temp, lme4::cake, besides = besides("robust", robust = list(kind = "HC3")))
#   clusters <- besides("robust", robust = list(kind = "CR2", cluster = "Subject"))
#   fit_lmer(Reaction ~ Days + (Days | Subject), lme4::sleepstudy, besides = clusters)
#
# HC3, of linear models: rows may have variances of their own; t on the model's degrees of freedom. CR2:
# rows of a cluster vary as they like; the working covariance is the fitted model's, and the degrees of
# freedom are Satterthwaite's under it, a coefficient each.

robust_kinds <- c("HC3", "CR2")
# One less a leverage below which a row alone decides its fitted value.
alone <- 1e-8
# Sizes of the columns of X may lie this far apart: clubSandwich's tolerance is absolute, and beyond 1e7
# wrong numbers come without a word.
widest_scales <- 1e6

robust_tests <- function(model, asked) {
  found <- if (asked$kind == "HC3") hc3_errors(model) else cr2_errors(model, asked$cluster)
  beta <- model_beta(model)
  test_rows(sprintf("%s(%s)", asked$kind, names(beta)), beta, found$std_error, found$df, model$level)
}

hc3_errors <- function(model) {
  if (model$mixed) refuse("HC3 is for linear models; a mixed model has CR2")
  check_packages("sandwich")
  if (any(hatvalues(model$fit) > 1 - alone)) refuse("a row has leverage 1: HC3 divides by zero")
  p <- length(model_beta(model))
  list(std_error = sqrt(diag(sandwich::vcovHC(model$fit, type = "HC3"))),
       df = rep(if (model$df_method == "z") Inf else df.residual(model$fit), p))
}

cr2_errors <- function(model, cluster) {
  check_packages("clubSandwich")
  if (model$mixed && (!is.null(model$weights) || any(weights(model$fit) != 1)))
    refuse("CR2 is not available for a mixed model with prior weights")
  # clubSandwich leaves a mixed model's offset in the residuals.
  if (model$mixed && any(lme4::getME(model$fit, "offset") != 0))
    refuse("CR2 is not available for a mixed model with an offset")
  by <- used_rows(model)[[cluster]]
  if (is.null(by)) refuse("no column `", cluster, "` to take clusters from")
  if (anyNA(by)) refuse("CR2 by `", cluster, "`: a row has no value of it")
  by <- as.character(by)
  if (length(unique(by)) < 2L) refuse("CR2 by `", cluster, "`: there is one cluster only")
  sizes <- sqrt(colSums(model_x(model)^2))
  if (max(sizes) > widest_scales * min(sizes))
    refuse("CR2: columns of X are of very different sizes, which clubSandwich does not stand; rescale ",
           "`", colnames(model_x(model))[which.min(sizes)], "`")
  # Of a linear model with prior weights the working variances are their inverses.
  V <- if (model$mixed) clubSandwich::vcovCR(model$fit, cluster = by, type = "CR2")
       else clubSandwich::vcovCR(model$fit, cluster = by, type = "CR2", inverse_var = !is.null(model$weights))
  table <- clubSandwich::coef_test(model$fit, vcov = V, test = "Satterthwaite")
  at <- match(names(model_beta(model)), rownames(table))
  if (anyNA(at)) stop("clubSandwich names other coefficients")
  list(std_error = table$SE[at], df = table[["df_Satt"]][at])
}

# What a request or a caller must say, from an R prompt or in a request.
robust_of <- function(robust) {
  if (is.null(robust)) return(NULL)
  only_keys(robust, c("kind", "cluster"), "robust")
  found <- list(kind = one_choice(robust$kind, "kind", robust_kinds),
                cluster = optional(robust$cluster, one_text, "cluster"))
  if (found$kind == "CR2" && is.null(found$cluster)) refuse("CR2 needs `cluster`")
  found
}
