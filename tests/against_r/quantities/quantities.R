# Every quantity of the models of a folder, asked one model at a time.
#
#   Rscript quantities.R folder r_reference < names
#
# For each name read: folder/name.json (file, new, factors, formula, reml, theta and what is asked),
# answered by one line of JSON. `at`: evaluated at the theta given, nothing optimised; `own`: at lme4's
# own optimum, found as for a recorded reference (two tight optimisers and Newton steps).
arguments <- commandArgs(TRUE)
folder <- arguments[1]
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)))
source(file.path(arguments[2], "run.R"), chdir = TRUE)
suppressMessages({library(lme4); library(lmerTest); library(emmeans)})
source(file.path(here, "questions.R"))
ignore <- list(check.nobs.vs.nRE = "ignore", check.nobs.vs.nlev = "ignore",
               check.conv.singular = "ignore", calc.derivs = FALSE)
still <- do.call(lmerControl, c(list(optimizer = NULL), ignore))
tight <- do.call(lmerControl, c(list(optimizer = "nloptwrap", optCtrl = list(
  algorithm = "NLOPT_LN_BOBYQA", xtol_rel = 0, xtol_abs = 1e-12, ftol_rel = 0, ftol_abs = 0,
  maxeval = 1e5)), ignore))
text <- function(x) {
  x <- as.double(unlist(x))
  I(ifelse(is.nan(x) | is.na(x), "nan", sprintf("%.17g", x)))
}
quiet <- function(code) suppressMessages(suppressWarnings(code))

read_rows <- function(file, model) {
  data <- read.csv(file.path(folder, file), stringsAsFactors = FALSE)
  for (name in names(model$factors)) {
    known <- unlist(model$factors[[name]])
    data[[name]] <- factor(data[[name]], levels = c(known, setdiff(data[[name]], known)))
  }
  data
}

# lmerTest's fit at theta, or at its own tight optimum; the call names globals, as emmeans needs it.
fitted_at <- function(formula, reml, theta = NULL, rows = dat) {
  dat <<- rows
  th <<- theta
  call <- list(as.formula(formula, env = globalenv()), data = quote(dat), REML = reml)
  call <- c(call, if (is.null(theta)) list(control = quote(tight))
                  else list(start = quote(th), control = quote(still)))
  quiet(do.call(lmerTest::lmer, call))
}

# At lme4's own optimum. Both of its optimisers may end in the same minimum and not the lowest: where
# the criterion at `near` is lower, as lme4 itself evaluates it, they start again from there.
best <- function(formula, reml, rows = dat, near = NULL) {
  fit <- fitted_at(formula, reml, quiet(find_optimum(as.formula(formula), rows, reml))$theta, rows)
  if (is.null(near)) return(fit)
  other <- fitted_at(formula, reml, near, rows)
  if (criterion_of(other) > criterion_of(fit) - 1e-8) return(fit)
  again <- quiet(lmer(as.formula(formula), rows, REML = reml, start = near, control = tight))
  fitted_at(formula, reml, getME(again, "theta"), rows)
}

p_of_t <- function(t, df) 2 * pt(abs(t), df, lower.tail = FALSE)

# t tests of the rows of L: lmerTest's Satterthwaite; pbkrtest's Kenward-Roger.
t_tests <- function(fit, L) {
  rows <- lapply(seq_len(nrow(L)), function(j) quiet(contest1D(fit, L[j, ])))
  list(sw_df = vapply(rows, function(row) row[["df"]], 0),
       sw_p = vapply(rows, function(row) row[["Pr(>|t|)"]], 0))
}
kr_tests <- function(fit, L) {
  adjusted <- pbkrtest::vcovAdj(fit)
  se <- sqrt(diag(as.matrix(adjusted)))
  df <- vapply(seq_len(nrow(L)), function(j) pbkrtest::Lb_ddf(L[j, ], vcov(fit), adjusted), 0)
  list(kr_se = se, kr_df = df, kr_p = p_of_t(fixef(fit) / se, df))
}

# Tables of types I, II, III: F, df and p of each term; the terms in the order of the names given.
tables <- function(fit, terms, ddf) {
  short <- c(Satterthwaite = "sw", "Kenward-Roger" = "kr")
  found <- list()
  for (type in c("1", "2", "3")) for (method in ddf) {
    table <- quiet(anova(fit, type = type, ddf = method))[terms, , drop = FALSE]
    name <- function(what) sprintf("anova_%s_%s_%s", type, short[[method]], what)
    found[[name("f")]] <- table[["F value"]]
    found[[name("df")]] <- table[["DenDF"]]
    found[[name("p")]] <- table[["Pr(>F)"]]
  }
  found
}

# F tests of the port's own rows of type III: lmerTest's tables round theirs to seven digits.
hypothesis_tests <- function(fit, hypotheses, ddf) {
  short <- c(Satterthwaite = "sw", "Kenward-Roger" = "kr")
  found <- list()
  for (method in ddf) {
    rows <- lapply(hypotheses, function(L)
      quiet(contestMD(fit, do.call(rbind, lapply(L, as.numeric)), ddf = method)))
    for (column in c(f = "F value", df = "DenDF", p = "Pr(>F)"))
      found[[paste0("hypothesis_", short[[method]], "_", c("F value" = "f", DenDF = "df",
        "Pr(>F)" = "p")[[column]])]] <- vapply(rows, function(row) row[[column]], 0)
  }
  found
}

random_variance <- function(fit) {
  loaded <- rowSums((sigma(fit) * getME(fit, "Lambdat") %*% getME(fit, "Zt"))^2)
  sum(loaded) / nobs(fit)
}

described <- function(fit, model) {
  X <- getME(fit, "X")
  effects <- ranef(fit, condVar = TRUE)
  sds <- lapply(effects, function(e) {
    v <- attr(e, "postVar")
    rows <- function(one) matrix(apply(one, 3, diag), nrow = dim(one)[1])
    sqrt(if (is.list(v)) do.call(rbind, lapply(v, rows)) else rows(v))
  })
  new <- read_rows(model$new, model)
  draws <- as.numeric(unlist(model$draws))
  q <- length(getME(fit, "b"))
  random <- random_variance(fit)
  fixed <- var(as.vector(X %*% fixef(fit)))
  residual <- sigma(fit)^2
  total <- fixed + random + residual
  se <- sqrt(diag(as.matrix(vcov(fit))))
  found <- list(
    criterion = criterion_of(fit), beta = fixef(fit), vcov = as.matrix(vcov(fit)), se = se,
    sigma = sigma(fit), varcorr = vapply(random_table(fit), function(row) row$estimate, 0),
    loglik = as.numeric(logLik(fit)), aic = AIC(fit), bic = BIC(fit),
    ranef = lapply(effects, function(e) as.vector(t(as.matrix(e)))), condsd = sds,
    fitted = fitted(fit), residual_raw = residuals(fit), residual_pearson = residuals(fit, "pearson"),
    residual_scaled = residuals(fit, "pearson", scaled = TRUE),
    leverage = hatvalues(fit), cooks_row = cooks.distance(fit),
    predict_new = quiet(predict(fit, new, allow.new.levels = TRUE)),
    predict_fixed = quiet(predict(fit, new, re.form = NA)),
    wald_z = as.vector(t(quiet(confint(fit, parm = "beta_", method = "Wald")))),
    simulate = as.vector(X %*% fixef(fit)) + sigma(fit) * as.vector(
      crossprod(getME(fit, "Zt"), crossprod(getME(fit, "Lambdat"), draws[seq_len(q)]))) +
      sigma(fit) * draws[-seq_len(q)],
    icc = random / (random + residual), r2 = c(fixed / total, (fixed + random) / total))
  L <- diag(length(fixef(fit)))
  if (model$satterthwaite) {
    tests <- t_tests(fit, L)
    half <- qt(0.975, tests$sw_df) * se
    found <- c(found, tests, list(wald_sw = rbind(fixef(fit) - half, fixef(fit) + half)))
  }
  if (model$reml) {
    tests <- kr_tests(fit, L)
    half <- qt(0.975, tests$kr_df) * tests$kr_se
    found <- c(found, tests, list(wald_kr = rbind(fixef(fit) - half, fixef(fit) + half)))
  }
  terms <- unlist(model$terms)
  ddf <- c(if (model$satterthwaite) "Satterthwaite", if (model$reml) "Kenward-Roger")
  if (length(terms) && length(ddf)) found <- c(found,
    tables(fit, terms, ddf), hypothesis_tests(fit, model$hypotheses, ddf))
  asked <- Filter(function(q) q$df == "kr" || model$satterthwaite, model$questions)
  if (length(asked)) found <- c(found, answered(fit, asked))
  lapply(found, text)
}

# What needs other fits: the likelihood ratio, random terms, another response, groups left out.
refitted <- function(model, data) {
  found <- list()
  if (nzchar(model$smaller)) {
    large <- best(model$formula, FALSE, data)
    small <- best(model$smaller, FALSE, data)
    table <- quiet(anova(large, small, refit = FALSE))
    found$lrt_loglik <- table$logLik
    found$lrt_chisq <- table$Chisq[2]
    found$lrt_df <- table$Df[2]
    found$lrt_p <- table[["Pr(>Chisq)"]][2]
  }
  table <- quiet(ranova(fitted_at(model$formula, model$reml, NULL, data)))
  found$ranova_loglik <- table$logLik
  found$ranova_lrt <- table$LRT[-1]
  found$ranova_p <- table[["Pr(>Chisq)"]][-1]
  other <- sub("^[^~]*~", paste(model$second, "~"), model$formula)
  again <- best(other, model$reml, data, as.numeric(unlist(model$second_theta)))
  found$refit_criterion <- criterion_of(again)
  found$refit_beta <- fixef(again)
  found$refit_se <- sqrt(diag(as.matrix(vcov(again))))
  whole <- best(model$formula, model$reml, data)
  without <- lapply(unlist(model$left_out), function(level) {
    less <- droplevels(data[data[[model$group]] != level, ])
    # What the rows left do not determine lme4 drops: it is missing, whatever stays in its place.
    fixef(best(model$formula, model$reml, less))[names(fixef(whole))]
  })
  if (length(without)) {
    change <- do.call(rbind, without) - rep(fixef(whole), each = length(without))
    found$dfbeta <- as.vector(t(change))
    V <- solve(as.matrix(vcov(whole)))
    found$cooks_group <- rowSums((change %*% V) * change) / length(fixef(whole))
  }
  lapply(found, text)
}

# At the boundary Satterthwaite's df are asked of the model without what is zero.
interior <- function(model, data) {
  if (!nzchar(model$interior)) return(empty_object())
  dat <<- data
  if (!grepl("|", model$interior, fixed = TRUE)) {
    fit <- lm(as.formula(model$interior), data)
    rows <- coef(summary(fit))
    return(lapply(list(sw_df = rep(df.residual(fit), nrow(rows)), sw_p = rows[, 4]), text))
  }
  fit <- best(model$interior, model$reml, data)
  tests <- t_tests(fit, diag(length(fixef(fit))))
  se <- sqrt(diag(as.matrix(vcov(fit))))
  half <- qt(0.975, tests$sw_df) * se
  found <- c(tests, list(wald_sw = rbind(fixef(fit) - half, fixef(fit) + half)),
             tables(fit, unlist(model$terms), "Satterthwaite"),
             hypothesis_tests(fit, model$hypotheses, "Satterthwaite"),
             answered(fit, Filter(function(q) q$df == "sw", model$questions)))
  lapply(found, text)
}

asked <- function(model) {
  data <- read_rows(model$file, model)
  dat <<- data
  at <- described(fitted_at(model$formula, model$reml, as.numeric(unlist(model$theta)), data), model)
  optimum <- quiet(find_optimum(as.formula(model$formula), data, model$reml))
  own <- fitted_at(model$formula, model$reml, optimum$theta, data)
  list(at = at, own = c(described(own, model), refitted(model, data)),
       theta = text(optimum$theta), interior = interior(model, data))
}

requests <- file("stdin", open = "r")
while (length(name <- readLines(requests, n = 1L))) {
  model <- jsonlite::read_json(file.path(folder, paste0(name, ".json")), simplifyVector = FALSE)
  answer <- tryCatch(asked(model), error = function(e)
    list(error = paste(conditionMessage(e), deparse1(conditionCall(e)))))
  cat(jsonlite::toJSON(answer, auto_unbox = TRUE), "\n", sep = "")
  flush(stdout())
}
