# lme4 on the models of a folder, at the theta it is given; one JSON object on stdout.
#
#   Rscript predictions.R folder
#
# models.json: name, file, new (rows to predict for), formula, weights, offset, factors, theta.
suppressMessages(library(lme4))
folder <- commandArgs(TRUE)[1]
models <- jsonlite::read_json(file.path(folder, "models.json"), simplifyVector = FALSE)
control <- lmerControl(optimizer = NULL, calc.derivs = FALSE,
                       check.nobs.vs.nRE = "ignore", check.nobs.vs.nlev = "ignore")
text <- function(x) ifelse(is.na(x), "nan", sprintf("%.17g", as.vector(x)))
quiet <- function(x) suppressMessages(suppressWarnings(x))
answers <- lapply(models, function(model) {
  read <- function(file) {
    data <- read.csv(file.path(folder, file), stringsAsFactors = FALSE)
    for (name in names(model$factors)) {
      known <- unlist(model$factors[[name]])
      data[[name]] <- factor(data[[name]], levels = c(known, setdiff(na.omit(data[[name]]), known)))
    }
    data
  }
  data <- read(model$file)
  data[] <- lapply(data, function(x) if (is.factor(x)) droplevels(x) else x)
  data$prior <- if (nzchar(model$weights)) data[[model$weights]] else rep(1, nrow(data))
  fit <- quiet(lmer(as.formula(model$formula), data, weights = prior, control = control,
                    REML = model$reml, start = as.numeric(unlist(model$theta))))
  new <- read(model$new)
  seen <- read(model$seen)
  form <- as.formula(model$one)
  X <- getME(fit, "X")
  # Mean over the rows of z' Sigma z, from sigma Lambda'Z' term by term (mmList has another order).
  loaded <- rowSums((sigma(fit) * getME(fit, "Lambdat") %*% getME(fit, "Zt"))^2) / nrow(data)
  ends <- getME(fit, "Gp")
  random <- sapply(seq_len(length(ends) - 1), function(k) sum(loaded[(ends[k] + 1):ends[k + 1]]))
  list(
    fitted = text(fitted(fit)),
    fixed = text(predict(fit, re.form = NA)),
    one = text(predict(fit, re.form = form)),
    new = text(quiet(predict(fit, new, allow.new.levels = TRUE))),
    new_fixed = text(quiet(predict(fit, new, re.form = NA))),
    new_one = text(quiet(predict(fit, seen, re.form = form))),
    seen = text(quiet(predict(fit, seen))),
    se_fixed = text(sqrt(rowSums((X %*% as.matrix(vcov(fit))) * X))),
    var_fixed = text(var(as.vector(X %*% fixef(fit)))),
    var_random = text(sum(random)),
    by_term = text(random),
    term_group = names(getME(fit, "cnms")),
    qq = text(qqnorm(residuals(fit, "pearson", scaled = TRUE), plot.it = FALSE)$x),
    shapiro = text(unlist(shapiro.test(residuals(fit, "pearson", scaled = TRUE))[1:2])))
})
cat(jsonlite::toJSON(setNames(answers, names(models)), auto_unbox = TRUE))
