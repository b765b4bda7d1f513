# The shape of broom.mixed's tidy(fit, conf.int = TRUE), written with lmerTest alone.
# Rscript tidy.R DATA OUT
suppressMessages(library(lmerTest))
arguments <- commandArgs(trailingOnly = TRUE)
d <- read.csv(arguments[1])
d$Subject <- factor(d$Subject)
tight <- lmerControl(optCtrl = list(
  xtol_rel = 1e-12, xtol_abs = 1e-12, ftol_abs = 1e-14, ftol_rel = 1e-15, maxeval = 1e5
))
fit <- lmer(Reaction ~ Days + (Days | Subject), d, control = tight)
b <- coef(summary(fit))
q <- qt(0.975, b[, "df"])
fixed <- data.frame(
  effect = "fixed", group = NA, term = rownames(b), estimate = b[, "Estimate"],
  std.error = b[, "Std. Error"], statistic = b[, "t value"], df = b[, "df"],
  p.value = b[, "Pr(>|t|)"], conf.low = b[, "Estimate"] - q * b[, "Std. Error"],
  conf.high = b[, "Estimate"] + q * b[, "Std. Error"]
)
v <- as.data.frame(VarCorr(fit))
name <- function(group, first, second) {
  if (group == "Residual") "sd__Observation"
  else if (is.na(second)) paste0("sd__", first)
  else paste0("cor__", first, ".", second)
}
none <- NA_real_
random <- data.frame(
  effect = "ran_pars", group = v$grp, term = mapply(name, v$grp, v$var1, v$var2),
  estimate = v$sdcor, std.error = none, statistic = none, df = none, p.value = none,
  conf.low = none, conf.high = none
)
write.csv(rbind(fixed, random), arguments[2], row.names = FALSE)
