# What an analyst gets who types lmer(formula, data) and nothing else: the default optimiser with its
# default tolerances. Never a reference, only a comparison: how far is what was printed from the
# optimum?
#
#   as_reported(Reaction ~ Days + (Days | Subject), lme4::sleepstudy)

as_reported <- function(formula, data, reml = TRUE, df_method = "satterthwaite", level = 0.95,
                        weights = NULL, offset = NULL) {
  fitter <- if (df_method %in% c("satterthwaite", "kenward-roger")) lmerTest::lmer else lme4::lmer
  told <- with_log(tryCatch({
    fit <- with_rows(quote(fitter(formula, data, REML = reml)), weights, offset, environment())
    list(fit = fit, fixed = fixed_table(fit, df_method, level))
  }, error = function(e) list(refused = conditionMessage(e))))
  fit <- told$value$fit
  if (is.null(fit)) return(list(messages = I(c(told$log, told$value$refused))))
  list(messages = I(told$log),
       fixed = told$value$fixed,
       random = random_table(fit),
       criterion = criterion_of(fit),
       theta = I(unname(lme4::getME(fit, "theta"))),
       singular = lme4::isSingular(fit, tol = singular_tolerance))
}
