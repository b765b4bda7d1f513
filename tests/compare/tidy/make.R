# Makes the two examples beside it with broom.mixed (0.2.9.4, Debian's r-cran-broom.mixed), which
# is no dependency of the harness: run it where the package is installed, `Rscript make.R`.
#
# sleepstudy.csv          the optimum found tightly, as a reference should be
# sleepstudy-default.csv  lme4's default optimiser, which stops at nloptr's xtol_rel = 1e-4
suppressMessages({
  library(lmerTest)
  library(broom.mixed)
})
d <- read.csv("../../../fixtures/classics/sleepstudy.csv")
d$Subject <- factor(d$Subject)
formula <- Reaction ~ Days + (Days | Subject)
tight <- lmerControl(optCtrl = list(xtol_rel = 1e-12, xtol_abs = 1e-12, ftol_abs = 1e-14, ftol_rel = 1e-15, maxeval = 1e5))
write.csv(tidy(lmer(formula, d, control = tight), conf.int = TRUE), "sleepstudy.csv", row.names = FALSE)
write.csv(tidy(lmer(formula, d), conf.int = TRUE), "sleepstudy-default.csv", row.names = FALSE)
