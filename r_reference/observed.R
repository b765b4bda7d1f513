# Numbers of the observed values, model or not: d_ppc2, Hedges' g, responders and risk differences.
#
#   morris_d(change = c(7.9, -3.4), sd = c(15, 13.8), n = c(20, 20), rho = 0.47)
#   risk_difference(c(56, 48), c(70, 80))
#   risk_difference(c(29, 11), c(58, 60), interval = "wald")
#
# A pair of arms is compared, the first less the second, at every time after the first. d_ppc2 and g are of
# the rows the model used, responders of all rows given: every patient of an arm counts.

# The values of y (one a row of data) by patient and time: arms (NA: in none) and a matrix.
patient_values <- function(data, y, trial) {
  patient <- match(data[[trial$patient]], unique(data[[trial$patient]][!is.na(data[[trial$patient]])]))
  at <- function(one) match(if (one$number) data[[one$column]] else as.character(data[[one$column]]), one$values)
  arm <- at(trial$arm)
  time <- at(trial$time)
  known <- !is.na(patient)
  if (any(tapply(arm[known], patient[known], function(own) length(unique(own[!is.na(own)])) > 1L)))
    refuse("a patient (`", trial$patient, "`) is in two arms")
  placed <- known & !is.na(time)
  if (anyDuplicated(cbind(patient, time)[placed, , drop = FALSE]))
    refuse("a patient (`", trial$patient, "`) has two rows at one time (`", trial$time$column,
           "`); which is meant is not said")
  size <- max(0L, patient[known])
  values <- matrix(NA_real_, size, length(trial$time$levels))
  values[cbind(patient, time)[placed, , drop = FALSE]] <- y[placed]
  arms <- rep(NA_integer_, size)
  arms[patient[known & !is.na(arm)]] <- arm[known & !is.na(arm)]
  list(arms = arms, values = values,
       of = function(a) values[which(arms == a), , drop = FALSE])
}

# The columns of the trial with their levels as values of the data.
trial_of <- function(model, asked) {
  trial <- asked$observed
  if (is.null(trial)) refuse("the columns of patients, arms and times are not named")
  for (name in c(trial$patient, trial$outcome))
    if (is.null(model$data[[name]])) refuse("no column `", name, "`")
  levels <- function(one) {
    values <- model$data[[one$column]]
    if (is.null(values)) refuse("no column `", one$column, "`")
    number <- is.numeric(values) && length(one$numbers) == length(one$levels)
    list(column = one$column, levels = one$levels, number = number,
         values = if (number) one$numbers else one$levels)
  }
  trial$arm <- levels(trial$arm)
  trial$time <- levels(trial$time)
  trial$pairs <- arm_pairs(trial$arm$levels, asked$compare)
  trial
}

# f(time, pair) at every time after the first, in order.
at_each_time <- function(trial, f) {
  unlist(lapply(seq_along(trial$time$levels)[-1L], function(t) lapply(trial$pairs, function(p) f(t, p))),
         recursive = FALSE)
}

pair_text <- function(trial, p) paste(spelt(trial$arm$levels[p]), collapse = " - ")
time_text <- function(trial, t) paste0(spelt(trial$time$column), "=", spelt(trial$time$levels[t]))

used_values <- function(model, trial) {
  patient_values(used_rows(model), as.double(model.response(model.frame(model$fit))), trial)
}

change_sizes <- function(model, asked) {
  trial <- trial_of(model, asked)
  values <- used_values(model, trial)
  at_each_time(trial, function(t, p) {
    both <- lapply(p, function(a) {
      own <- values$of(a)[, c(1L, t), drop = FALSE]
      own[complete.cases(own), , drop = FALSE]
    })
    n <- vapply(both, nrow, 1L)
    rho <- correlation_within(both)
    size <- morris_d(vapply(both, function(x) mean(x[, 2L]) - mean(x[, 1L]), 0),
                     vapply(both, function(x) spread(x[, 1L]), 0), n, rho, model$level)
    c(list(term = sprintf("d_ppc2((%s) x (%s - %s))", pair_text(trial, p), spelt(trial$time$levels[t]),
                          spelt(trial$time$levels[1L]))),
      size, list(rho = rho, n_first = n[1L], n_second = n[2L]))
  })
}

# A standard deviation; 0 where there is none, or where it is one of rounding.
spread <- function(x) if (length(x) < 2L || diff(range(x)) == 0) 0 else sd(x)

# Of first and later values, within groups: both centred at the group's mean.
correlation_within <- function(groups) {
  centred <- function(v) if (spread(v) == 0) 0 * v else v - mean(v)
  sums <- Reduce(`+`, lapply(groups, function(x) crossprod(cbind(centred(x[, 1L]), centred(x[, 2L])))))
  if (min(diag(sums)) <= 0) NA_real_ else cov2cor(sums)[1L, 2L]
}

# Morris (2008, Organ. Res. Methods 11, 364-386): d_ppc2, eq. 8 to 10, its variance, eq. 25, with the
# correlation rho of first and later values, and normal limits. change: mean change of each of two groups;
# sd: of their first values; n: patients.
morris_d <- function(change, sd, n, rho, level = 0.95) {
  nothing <- list(smd = NA_real_, smd_se = NA_real_, smd_low = NA_real_, smd_high = NA_real_)
  m <- sum(n) - 2
  if (min(n) < 1 || m < 1) return(nothing)
  pooled <- sqrt(sum((n - 1) * sd^2) / m)
  if (!(pooled > 0)) return(nothing)
  correction <- 1 - 3 / (4 * m - 1)
  d <- correction * (change[1L] - change[2L]) / pooled
  if (m <= 2) return(replace(nothing, "smd", d))
  change_variance <- 2 * (1 - rho) * sum(n) / prod(n)
  variance <- if (is.na(rho)) NA_real_
              else correction^2 * m / (m - 2) * (change_variance + d^2) - d^2
  half <- qnorm((1 + level) / 2) * sqrt(variance)
  list(smd = d, smd_se = sqrt(variance), smd_low = d - half, smd_high = d + half)
}

group_sizes <- function(model, asked) {
  trial <- trial_of(model, asked)
  values <- used_values(model, trial)
  at_each_time(trial, function(t, p) {
    both <- lapply(p, function(a) {
      own <- values$of(a)[, t]
      own[!is.na(own)]
    })
    n <- lengths(both)
    vary <- any(vapply(both, spread, 0) > 0)
    size <- if (min(n) < 2L || !vary) list(g = NA_real_, conf_low = NA_real_, conf_high = NA_real_)
            else hedges_g(both[[1L]], both[[2L]], model$level)
    list(term = sprintf("hedges_g(%s | %s)", pair_text(trial, p), time_text(trial, t)), smd = size$g,
         smd_low = size$conf_low, smd_high = size$conf_high, n_first = n[1L], n_second = n[2L])
  })
}

# Responders by arm, and each pair compared: two tables.
responder_tables <- function(model, asked) {
  trial <- trial_of(model, asked)
  rule <- trial$responder
  if (is.null(rule) || !rule$direction %in% c("lower", "higher"))
    refuse("which way `", trial$outcome, "` improves is not known")
  y <- model$data[[trial$outcome]]
  if (!is.numeric(y)) refuse("`", trial$outcome, "` is not a number")
  values <- patient_values(model$data, as.double(y), trial)
  arms <- sort(unique(unlist(trial$pairs)))
  counts <- lapply(seq_along(trial$time$levels)[-1L], function(t) {
    own <- lapply(arms, function(a) count_responders(values$of(a)[, 1L], values$of(a)[, t], rule))
    list(time = t, arms = own)
  })
  by_arm <- unlist(lapply(counts, function(at) lapply(seq_along(arms), function(i)
    c(list(term = sprintf("responders(%s=%s | %s)", spelt(trial$arm$column), spelt(trial$arm$levels[arms[i]]),
                          time_text(trial, at$time))), at$arms[[i]]))), recursive = FALSE)
  compared <- unlist(lapply(counts, function(at) lapply(trial$pairs, function(p) {
    own <- at$arms[match(p, arms)]
    c(list(term = sprintf("responders(%s | %s)", pair_text(trial, p), time_text(trial, at$time))),
      risk_difference(vapply(own, function(one) one$responders, 1L),
                      vapply(own, function(one) one$patients, 1L), rule$interval, model$level))
  })), recursive = FALSE)
  list(by_arm = by_arm, compared = compared)
}

# A responder improves by percent of the first value, to within 1e-7 per cent of it; of a first value of
# zero or below no percentage can be taken, which counts as a missing value does.
count_responders <- function(first, later, rule) {
  complete <- !is.na(first) & !is.na(later)
  known <- complete & first > 0
  x <- first[known]
  gain <- if (rule$direction == "lower") x - later[known] else later[known] - x
  list(responders = sum(100 * gain >= (rule$percent - 1e-7) * x),
       patients = if (rule$missing == "nonresponder") length(first) else sum(known),
       incomplete = sum(!complete), not_positive = sum(complete & !known))
}

# x of n responders in each of two groups: the difference of the shares, its limits, one over them, and
# Fisher's exact test. newcombe: Newcombe (1998, Stat. Med. 17, 873-890), method 10, from the score limits
# of each share; wald: normal ones. nnt: Altman (1998, BMJ 317, 1309-1312), negative for harm; where
# nnt_high < 0 < nnt_low it runs from nnt_low through infinity to nnt_high.
risk_difference <- function(x, n, interval = "newcombe", level = 0.95) {
  names <- c("risk_difference", "rd_low", "rd_high", "nnt", "nnt_low", "nnt_high", "fisher_p")
  if (any(n == 0)) return(as.list(setNames(rep(NA_real_, 7L), names)))
  p <- x / n
  d <- p[1L] - p[2L]
  # prop.test warns of small counts, for the sake of its test.
  limits <- function(...) suppressWarnings(prop.test(..., conf.level = level, correct = FALSE)$conf.int)
  ends <- if (interval == "wald") limits(x, n) else {
    own <- lapply(1:2, function(i) limits(x[i], n[i]))
    d + c(-1, 1) * c(sqrt((p[1L] - own[[1L]][1L])^2 + (own[[2L]][2L] - p[2L])^2),
                     sqrt((own[[1L]][2L] - p[1L])^2 + (p[2L] - own[[2L]][1L])^2))
  }
  inverse <- function(value, at_zero) if (value == 0) at_zero else 1 / value
  fisher <- fisher.test(matrix(c(x, n - x), 2L), conf.int = FALSE)$p.value
  structure(list(d, ends[1L], ends[2L], inverse(d, Inf), inverse(ends[2L], -Inf), inverse(ends[1L], Inf),
                 fisher), names = names)
}

# What a request says of the observed values.
observed_of <- function(observed) {
  if (is.null(observed)) return(NULL)
  only_keys(observed, c("patient", "outcome", "arm", "time", "responder"), "observed")
  column <- function(one, name) {
    only_keys(one, c("column", "levels", "numbers"), name)
    list(column = one_text(one$column, name), levels = texts(one$levels, name),
         numbers = if (!is.null(one$numbers)) numbers(one$numbers, name))
  }
  list(patient = one_text(observed$patient, "patient"), outcome = one_text(observed$outcome, "outcome"),
       arm = column(observed$arm, "arm"), time = column(observed$time, "time"),
       responder = responder_of(observed$responder))
}

responder_of <- function(rule) {
  if (is.null(rule)) return(NULL)
  only_keys(rule, c("percent", "direction", "missing", "interval"), "responder")
  list(percent = one_number(rule$percent, "percent", 0, 100), direction = one_text(rule$direction, "direction"),
       missing = one_choice(rule$missing, "missing", c("nonresponder", "exclude")),
       interval = one_choice(rule$interval, "interval", c("newcombe", "wald")))
}
