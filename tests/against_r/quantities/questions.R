# Questions to emmeans: means, contrasts, slopes and joint tests, by both methods of df.
#
# A question: kind (means, contrast, trend, joint), df (sw or kr), specs, by, at, weights, var,
# contrast, adjust (several). The answers of one kind and method stand one behind the other, column by column.
emm_options(lmerTest.limit = 1e5, pbkrtest.limit = 1e5, msg.nesting = FALSE, msg.interaction = FALSE)
methods_of_df <- c(sw = "satterthwaite", kr = "kenward-roger")

# The table of a question by each of its adjustments.
tables_of <- function(fit, q) {
  df <- methods_of_df[[q$df]]
  by <- if (length(q$by)) unlist(q$by)
  specs <- if (length(q$specs)) unlist(q$specs) else ~ 1
  arguments <- list(fit, specs = specs, by = by, lmer.df = df)
  if (length(q$at)) arguments$at <- lapply(q$at, unlist)
  if (q$weights != "") arguments$weights <- q$weights
  means <- if (q$var == "") do.call(emmeans, arguments)
           else do.call(emtrends, c(arguments, list(var = q$var)))
  if (length(q$contrast)) {
    method <- if (is.list(q$contrast)) lapply(q$contrast, unlist) else q$contrast
    means <- contrast(means, method)
  }
  adjust <- unlist(q$adjust)
  tables <- lapply(adjust, function(how)
    as.data.frame(summary(means, infer = c(TRUE, TRUE), adjust = how)))
  setNames(tables, adjust)
}

answered <- function(fit, questions) {
  found <- list()
  put <- function(kind, df, column, values) {
    name <- paste(kind, df, column, sep = "_")
    found[[name]] <<- c(found[[name]], values)
  }
  for (q in questions) {
    if (q$kind == "joint") {
      table <- as.data.frame(suppressMessages(joint_tests(fit, lmer.df = methods_of_df[[q$df]])))
      put("joint", q$df, "f", table$F.ratio[table[["model term"]] != "(confounded)"])
      next
    }
    tables <- suppressMessages(tables_of(fit, q))
    for (adjust in names(tables)) {
      table <- tables[[adjust]]
      estimate <- grep("^(emmean|estimate)$|[.]trend$", names(table), value = TRUE)[1]
      put(q$kind, q$df, "estimate", table[[estimate]])
      put(q$kind, q$df, "se", table$SE)
      put(q$kind, q$df, "df", table$df)
      put(q$kind, q$df, if (adjust == "tukey") "tukey" else "p", table$p.value)
      if (adjust != "tukey")
        put(q$kind, q$df, "ci", as.vector(t(table[, c("lower.CL", "upper.CL")])))
    }
  }
  found
}
