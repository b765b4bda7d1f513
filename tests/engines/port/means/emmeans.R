# emmeans on the models of a folder; one JSON object on stdout.
#
#   Rscript emmeans.R folder
#
# models.json: for each model its file, formula, factors, theta (absent for lm), weights and the
# questions asked of it. Nothing is optimised: lme4 evaluates the model at the theta it is given.
suppressMessages({library(lme4); library(lmerTest); library(emmeans)})
folder <- commandArgs(TRUE)[1]
models <- jsonlite::read_json(file.path(folder, "models.json"), simplifyVector = FALSE)
ctl <- lmerControl(optimizer = NULL, calc.derivs = FALSE, check.nobs.vs.nRE = "ignore",
                   check.nobs.vs.nlev = "ignore")
emm_options(lmerTest.limit = 1e5, pbkrtest.limit = 1e5, msg.nesting = FALSE,
            msg.interaction = FALSE)
flat <- function(x) if (is.null(x)) NULL else unlist(x)
numbers <- function(x) if (is.numeric(x)) sprintf("%.17g", x) else as.character(x)
as_table <- function(x) lapply(as.data.frame(x), numbers)

ask <- function(fit, q) {
  at <- lapply(q$at, unlist)
  df <- if (is.null(q$df)) list() else list(lmer.df = q$df)
  arguments <- c(list(fit), df, list(specs = flat(q$specs)))
  if (length(q$by)) arguments$by <- flat(q$by)
  if (length(at)) arguments$at <- at
  if (!is.null(q$weights)) arguments$weights <- q$weights
  if (identical(q$kind, "joint_tests")) {
    joint <- c(list(fit), df, if (length(q$by)) list(by = flat(q$by)))
    return(as_table(do.call(joint_tests, joint)))
  }
  means <- if (is.null(q$var)) do.call(emmeans, arguments)
           else do.call(emtrends, c(arguments, list(var = q$var, nesting = NULL)))
  if (!is.null(q$contrast)) {
    extra <- if (is.null(q$ref)) list() else list(ref = q$ref + 1)
    method <- if (is.list(q$contrast)) lapply(q$contrast, unlist) else q$contrast
    means <- do.call(contrast, c(list(means, method, adjust = q$adjust), extra))
  } else if (!is.null(q$interaction)) {
    means <- contrast(means, interaction = flat(q$interaction))
  }
  if (identical(q$kind, "joint")) return(as_table(test(means, joint = TRUE)))
  if (identical(q$adjust, "mvt")) set.seed(1)
  as_table(summary(means, infer = c(TRUE, TRUE), adjust = if (is.null(q$adjust)) "none" else q$adjust))
}

answers <- list()
for (name in names(models)) {
  model <- models[[name]]
  dat <- read.csv(file.path(folder, model$file), stringsAsFactors = FALSE)
  for (column in names(model$factors))
    dat[[column]] <- factor(dat[[column]], levels = unlist(model$factors[[column]]))
  th <- as.numeric(unlist(model$theta))
  call <- if (is.null(model$theta)) list(as.formula(model$formula), data = quote(dat))
          else list(as.formula(model$formula), data = quote(dat), start = quote(th), control = quote(ctl))
  fit <- suppressMessages(suppressWarnings(
    do.call(if (is.null(model$theta)) "lm" else "lmer", call)))
  answers[[name]] <- lapply(model$questions, function(q) suppressMessages(ask(fit, q)))
}

# mvtnorm's integrals, asked for to five digits and more.
tails <- lapply(jsonlite::read_json(file.path(folder, "tails.json"), simplifyVector = TRUE,
                                    simplifyDataFrame = FALSE, simplifyMatrix = TRUE), function(t) {
  set.seed(1)
  k <- nrow(t$correlation)
  p <- mvtnorm::pmvt(rep(-t$q, k), rep(t$q, k), df = t$df, corr = t$correlation,
                     algorithm = mvtnorm::GenzBretz(maxpts = 1e5, abseps = 1e-6))
  list(tail = sprintf("%.17g", 1 - p), error = sprintf("%.17g", attr(p, "error")))
})
cat(jsonlite::toJSON(list(models = answers, tails = tails)))
