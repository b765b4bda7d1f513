# What a plain lmer fit reports, as analysts run it: Rscript default_lmer.R data.csv answer.json
given <- commandArgs(TRUE)
d <- read.csv(given[1L], stringsAsFactors = TRUE)
m <- lmerTest::lmer(y ~ arm * week + (week | id), d)
table <- coef(summary(m, ddf = "Satterthwaite"))
vc <- as.data.frame(lme4::VarCorr(m))
exact <- function(x) sprintf("%.17g", unname(x))
answer <- list(
  fixed = lapply(seq_len(nrow(table)), function(i)
    list(term = rownames(table)[i], estimate = exact(table[i, 1L]), std_error = exact(table[i, 2L]),
         df = exact(table[i, 3L]), statistic = exact(table[i, 4L]), p_value = exact(table[i, 5L]))),
  sd = exact(vc$sdcor[1:2]), cor = exact(vc$sdcor[3L]), sigma = exact(sigma(m)),
  theta = exact(lme4::getME(m, "theta")), criterion = exact(lme4::REMLcrit(m)),
  singular = lme4::isSingular(m), aic = exact(AIC(m)), bic = exact(BIC(m)))
writeLines(jsonlite::toJSON(answer, auto_unbox = TRUE), given[2L])
