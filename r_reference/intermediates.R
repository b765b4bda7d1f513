# Where two implementations part: what stands between the data and the numbers of a fit.
#
#   intermediates(reference_model(Reaction ~ Days + (Days | Subject), lme4::sleepstudy))

intermediates <- function(model) {
  answer_on(model, if (model$mixed) {
    c(list(problem = problem_lmer(model$fit, model$weights, model$offset)), mixed_pieces(model))
  } else {
    list(problem = problem_lm(model$fit, model$weights, model$offset), qr_rank = model$fit$rank,
         rss = deviance(model$fit))
  })
}

# Of the profiled criterion (Bates, Maechler, Bolker & Walker 2015, J. Stat. Softw. 67(1)):
# ldL2 = log|L|^2, ldRX2 = log|RX|^2, wrss and ussq whose sum is pwrss, RX'RX = sigma^2 X'V^-1 X. Of
# Satterthwaite's df, lmerTest's numerical derivatives: the covariance of (theta, sigma), and
# d vcov(beta) / d parameter.
mixed_pieces <- function(model) {
  fit <- model$fit
  parts <- lme4::getME(fit, "devcomp")$cmp
  found <- list(ldL2 = parts[["ldL2"]], ldRX2 = parts[["ldRX2"]], wrss = parts[["wrss"]],
                ussq = parts[["ussq"]], pwrss = parts[["pwrss"]],
                RX = matrix_rows(as.matrix(lme4::getME(fit, "RX"))),
                Lambda = unname(lapply(lme4::getME(fit, "Tlist"),
                                       function(T) matrix_rows(as.matrix(T)))),
                term_groups = I(group_names(fit)[attr(lme4::getME(fit, "flist"), "assign")]),
                term_effects = unname(lapply(lme4::getME(fit, "cnms"), I)))
  if (model$df_method != "satterthwaite") return(found)
  c(found, list(parameter_covariance = matrix_rows(fit@vcov_varpar),
                vcov_derivatives = lapply(unname(fit@Jac_list), matrix_rows)))
}
