# A model of a trial whose missing outcomes were imputed, pooled over the imputations.
#
#   imputed_model(distance ~ Sex * age, teeth_with_holes(), "Subject", "age", "Sex", imputations = 5)
#
# mice draws (method "norm": Bayesian normal regression, parameters drawn first), each arm by itself unless
# by_arm is false; lm or lmerTest fits; mice::pool.scalar pools, by Barnard and Rubin's degrees of freedom.
# delta is added to what was imputed (in delta_arm, if given); reference: patients of other arms who were
# lost continue as that arm (jump_to_reference.R), baseline being the visit before treatment.
# Every pooled number has its Monte-Carlo error beside it (mcse), by the jackknife over imputations.

imputed_model <- function(formula, data, subject, visit, arm, covariates = character(), imputations = 50,
                          iterations = 20, seed = 1, by_arm = TRUE, visits = NULL, delta = 0,
                          delta_arm = NULL, reference = NULL, baseline = NULL, reml = TRUE,
                          df_method = NULL, level = 0.95) {
  with_settings(fitting({
    trial <- wide_trial(formula, data, subject, visit, arm, covariates)
    completed <- with_seed(seed, {
      drawn <- draw_missing(trial, imputations, iterations, by_arm)
      if (is.null(reference)) drawn else jump_to_reference(trial, drawn, reference, baseline)
    })
    at <- if (is.null(visits)) seq_along(trial$visits) else match(visits, trial$visits)
    if (anyNA(at)) refuse("no visit `", visits[is.na(at)][1L], "`")
    logged <- with_log(pooled_model(formula, trial, shifted(trial, completed, delta, delta_arm), reml,
                                    df_method, level, at))
    list(formula = deparse1(formula), imputations = length(completed), rows = logged$value,
         quality = list(clean = length(logged$warnings) == 0L, reasons = I(logged$warnings)))
  }))
}

# Beside a fit: the model of the data as imputed, and under each assumption in asked$labels, which names it
# and says what stands behind its coefficients; all from one set of draws.
imputed_rows <- function(model, asked) {
  trial <- wide_trial(model$formula, model$data, asked$subject, asked$visit, asked$arm, asked$covariates)
  visits <- if (is.numeric(trial$visits)) suppressWarnings(as.numeric(asked$baseline)) else asked$baseline
  baseline <- if (length(visits) && visits %in% trial$visits) visits
  sets <- with_seed(asked$seed, {
    random <- draw_missing(trial, asked$imputations, asked$iterations, asked$by_arm)
    list(random = random,
         delta = if (!is.null(asked$delta)) shifted(trial, random, asked$delta, asked$delta_arm),
         jump = if (!is.null(asked$reference)) jump_to_reference(trial, random, asked$reference, baseline))
  })
  unlist(lapply(names(asked$labels), function(name) {
    rows <- pooled_model(model$formula, trial, sets[[name]], model$reml, model$df_method, model$level)
    lapply(rows, function(row) c(list(term = sprintf("mi(%s%s)", row$term, asked$labels[[name]])),
                                 row[numbers_of_rows], list(mcse = row$mcse[numbers_of_rows])))
  }), recursive = FALSE)
}

numbers_of_rows <- c("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")

shifted <- function(trial, completed, delta, arm = NULL) {
  moved <- is.na(trial$Y) & (if (is.null(arm)) TRUE else in_arm(trial, arm))
  lapply(completed, function(Y) Y + delta * moved)
}

# Rows of a model of the completed data at some visits.
pooled_model <- function(formula, trial, completed, reml, df_method, level, at = seq_along(trial$visits)) {
  chosen <- rep(seq_along(trial$visits) %in% at, nrow(trial$Y))
  for (name in setdiff(all.vars(formula), trial$outcome))
    if (anyNA(trial$long[[name]][chosen])) refuse("`", name, "` is missing in the completed data")
  fits <- lapply(completed, function(Y) {
    one <- trial$long
    one[[trial$outcome]] <- as.vector(t(Y))
    answer_of_one(formula, one[chosen, , drop = FALSE], reml, df_method)
  })
  of <- function(part) rbind(vapply(fits, function(one) unname(one[[part]]), fits[[1L]][[part]]))
  pooled_rows(names(fits[[1L]]$estimate), of("estimate"), of("variance"), of("df"), level)
}

# Orthodont with holes, for the example above.
teeth_with_holes <- function() {
  teeth <- as.data.frame(nlme::Orthodont)
  teeth$distance[teeth$age > 10 & seq_len(nrow(teeth)) %% 3 == 0] <- NA
  teeth$age <- factor(teeth$age)
  teeth$Subject <- factor(teeth$Subject, ordered = FALSE)
  teeth
}

# Evaluates `expr` with R's default generators started from a seed; the session's own state is put back.
with_seed <- function(seed, expr) {
  kinds <- RNGkind()
  old <- globalenv()$.Random.seed
  on.exit({
    do.call(RNGkind, as.list(kinds))
    if (is.null(old)) rm(".Random.seed", envir = globalenv()) else assign(".Random.seed", old, globalenv())
  })
  set.seed(seed, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
  expr
}

# One row a patient: Y (patients by visits, NA where not seen), who (arm and covariates), and the long data
# with a row for every visit of every patient, in which what is constant within a patient is filled in.
wide_trial <- function(formula, data, subject, visit, arm, covariates) {
  outcome <- formula[[2L]]
  if (!is.name(outcome)) refuse("the response must be the imputed column itself")
  outcome <- as.character(outcome)
  if (outcome %in% all.vars(formula[[3L]])) refuse("`", outcome, "` is imputed, and no predictor")
  for (name in c(subject, visit, arm, covariates))
    if (!name %in% names(data)) refuse("no column `", name, "`")
  if (visit %in% c(arm, covariates)) refuse("`", visit, "` varies within a patient")
  if (anyDuplicated(data[c(subject, visit)])) refuse("a patient has two rows of one visit")
  patients <- unique(as.character(data[[subject]]))
  # A visit at which nobody was seen has no such outcome.
  there <- data[[visit]][!is.na(data[[outcome]])]
  levels <- if (is.factor(there)) levels(droplevels(there)) else sort(unique(there))
  cells <- expand.grid(visit = seq_along(levels), patient = seq_along(patients))
  row <- match(paste(cells$patient, cells$visit),
               paste(match(as.character(data[[subject]]), patients), match(data[[visit]], levels)))
  first <- match(patients, as.character(data[[subject]]))
  long <- data[ifelse(is.na(row), first[cells$patient], row), , drop = FALSE]
  for (name in setdiff(names(data), c(subject, visit))) {
    varies <- any(tapply(as.character(data[[name]]), as.character(data[[subject]]),
                         function(x) length(unique(x)) > 1L), na.rm = TRUE)
    if (varies) long[[name]][is.na(row)] <- NA
    if (varies && name %in% c(arm, covariates)) refuse("`", name, "` varies within a patient")
  }
  long[[visit]][] <- if (is.factor(data[[visit]])) factor(levels[cells$visit], levels(data[[visit]]))
                     else levels[cells$visit]
  rownames(long) <- NULL
  who <- data[first, c(arm, covariates), drop = FALSE]
  if (anyNA(who)) refuse("arm and covariates must be complete")
  who <- as.data.frame(lapply(who, function(x) if (is.numeric(x)) x else droplevels(as.factor(x))))
  names(who) <- c("arm", sprintf("c%d", seq_along(covariates)))
  list(outcome = outcome, visits = levels, long = long, who = who,
       Y = matrix(long[[outcome]], ncol = length(levels), byrow = TRUE))
}

in_arm <- function(trial, arm) {
  if (!arm %in% trial$who$arm) refuse("no patient is in arm `", arm, "`")
  trial$who$arm == arm
}

# A list of completed Y. Chained equations by mice: visits in order, every other visit and the covariates as
# predictors, started from values seen.
draw_missing <- function(trial, imputations, iterations, by_arm) {
  visits <- sprintf("y%d", seq_along(trial$visits))
  wide <- cbind(structure(as.data.frame(trial$Y), names = visits), trial$who)
  completed <- rep(list(trial$Y), imputations)
  parts <- if (by_arm) split(seq_len(nrow(wide)), wide$arm) else list(seq_len(nrow(wide)))
  for (rows in parts) {
    part <- wide[rows, if (by_arm) names(wide) != "arm" else TRUE, drop = FALSE]
    incomplete <- visits[vapply(part[visits], anyNA, NA)]
    if (!length(incomplete)) next
    method <- structure(rep("", ncol(part)), names = names(part))
    method[incomplete] <- "norm"
    # eps = 0: no predictor is left out for being nearly collinear in one round of one imputation.
    rounds <- if (length(incomplete) > 1L) iterations else 1L
    found <- mice::mice(part, m = imputations, maxit = rounds, eps = 0, method = method,
                        visitSequence = match(incomplete, names(part)), printFlag = FALSE)
    if (!is.null(found$loggedEvents)) refuse("mice changed the model of imputation: ",
                                             paste(found$loggedEvents$out, collapse = ", "))
    for (i in seq_len(imputations)) completed[[i]][rows, ] <- as.matrix(mice::complete(found, i)[visits])
  }
  completed
}

# Coefficients, their variances and degrees of freedom of one completed data set.
answer_of_one <- function(formula, data, reml, df_method) {
  mixed <- length(lme4::findbars(formula)) > 0L
  if (is.null(df_method)) df_method <- if (mixed) "satterthwaite" else "residual"
  if (!mixed) {
    fit <- lm(formula, data, na.action = na.fail)
    variance <- diag(vcov(fit))
    if (anyNA(coef(fit))) refuse("a coefficient is not estimable")
    df <- rep(if (df_method == "z") Inf else df.residual(fit), length(variance))
    return(list(estimate = coef(fit), variance = variance, df = df,
                df_method = if (df_method == "z") "z" else "residual"))
  }
  fit <- suppressMessages(lmerTest::lmer(formula, data, REML = reml, na.action = na.fail,
                                         control = quick_control()))
  estimate <- lme4::fixef(fit)
  names <- c(satterthwaite = "Satterthwaite", `kenward-roger` = "Kenward-Roger")
  if (!df_method %in% names(names)) {
    df <- if (df_method == "z") Inf else nobs(fit) - length(estimate)
    return(list(estimate = estimate, variance = diag(as.matrix(vcov(fit))),
                df = rep(df, length(estimate)), df_method = df_method))
  }
  table <- coef(summary(fit, ddf = names[[df_method]]))
  list(estimate = estimate, variance = table[, "Std. Error"]^2, df = unname(table[, "df"]),
       df_method = df_method)
}

# As tight as the reference's first search; nobody looks at the gradient of thousands of fits.
quick_control <- function() {
  lme4::lmerControl(optimizer = "nloptwrap", calc.derivs = FALSE, optCtrl = list(
    algorithm = "NLOPT_LN_BOBYQA", xtol_rel = 0, ftol_rel = 0, xtol_abs = 1e-12, ftol_abs = 0, maxeval = 1e5))
}

# What a request asks of imputation beside a fit, or nothing.
imputation_of <- function(asked) {
  if (is.null(asked)) return(NULL)
  only_keys(asked, c("subject", "visit", "arm", "covariates", "imputations", "iterations", "seed", "by_arm",
                     "labels", "delta", "delta_arm", "reference", "baseline"), "imputed")
  labels <- named(asked$labels, "labels", one_text)
  if (!all(names(labels) %in% c("random", "delta", "jump"))) refuse("`labels` names another assumption")
  if (is.null(asked$delta) && "delta" %in% names(labels)) refuse("no `delta`")
  if (is.null(asked$reference) && "jump" %in% names(labels)) refuse("no `reference`")
  list(subject = one_text(asked$subject, "subject"), visit = one_text(asked$visit, "visit"),
       arm = one_text(asked$arm, "arm"), covariates = texts(asked$covariates, "covariates"),
       imputations = whole_number(asked$imputations, "imputations", 3),
       iterations = whole_number(asked$iterations, "iterations", 1),
       seed = whole_number(asked$seed, "seed", 0), by_arm = flag(asked$by_arm, "by_arm"), labels = labels,
       delta = optional(asked$delta, one_number, "delta"),
       delta_arm = optional(asked$delta_arm, one_text, "delta_arm"),
       reference = optional(asked$reference, one_text, "reference"),
       baseline = optional(asked$baseline, one_text, "baseline"))
}

# One row a coefficient from Q, U and df of complete data (coefficients by imputations).
pooled_rows <- function(terms, Q, U, nu, level) {
  lapply(seq_along(terms), function(j) {
    m <- ncol(Q)
    numbers <- pooled_numbers(Q[j, ], U[j, ], mean(nu[j, ]), m, level)
    without <- vapply(seq_len(m), function(i)
      unlist(pooled_numbers(Q[j, -i], U[j, -i], mean(nu[j, -i]), m, level)), unlist(numbers))
    mcse <- sqrt((m - 1) * rowMeans((without - rowMeans(without))^2))
    mcse[apply(without, 1L, function(x) all(x == x[1L]))] <- 0
    c(list(term = terms[j]), numbers, list(mcse = as.list(mcse), df_complete = mean(nu[j, ])))
  })
}

# Rubin's rules. Without one of the imputations the factor 1 + 1/m and the m - 1 of the degrees of freedom
# stay those of all m, because the answer at this m is what a repetition would give. With all of them it must
# be what mice says, which takes lambda for no less than 1e-4: there nothing is missing to speak of.
pooled_numbers <- function(Q, U, df_complete, m, level) {
  b <- var(Q)
  ubar <- mean(U)
  total <- ubar + (1 + 1 / m) * b
  lambda <- (1 + 1 / m) * b / total
  old <- (m - 1) / lambda^2
  observed <- (df_complete + 1) / (df_complete + 3) * df_complete * (1 - lambda)
  df <- if (is.infinite(df_complete)) old else 1 / (1 / old + 1 / observed)
  r <- (1 + 1 / m) * b / ubar
  fmi <- (r + 2 / (df + 3)) / (r + 1)
  if (length(Q) == m && lambda >= 1e-4) {
    found <- mice::pool.scalar(Q, U, n = df_complete + 1, k = 1)
    stopifnot(all.equal(c(found$t, found$df, found$fmi), c(total, df, fmi), tolerance = 1e-10))
  }
  row <- test_rows("", mean(Q), sqrt(total), df, level)[[1L]]
  c(row[names(row) != "term"], list(within = ubar, between = b, fmi = fmi))
}
