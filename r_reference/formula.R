# A formula rebuilt as calls from its syntax tree. No text is ever parsed: a plan, a codebook or
# a column name may come from a stranger, and as.formula() on text would run what it says.
#
# A node is one of  {"number": 2}  {"text": "a"}  {"name": "week"}  {"call": "+", "args": [...]}.

formula_calls <- list(
  "+" = 1:2, "-" = 1:2, "*" = 2, "/" = 2, ":" = 2, "^" = 2, "(" = 1,
  log = 1, log2 = 1, log10 = 1, log1p = 1, exp = 1, sqrt = 1, I = 1,
  scale = 1, center = 1, poly = 1:2, factor = 1, offset = 1
)
formula_bars <- list("|" = 2, "||" = 2)

# The formula `response ~ rhs` over the columns named; both sides are nodes.
build_formula <- function(response, rhs, columns) {
  left <- node_to_call(response, columns, formula_calls)
  right <- node_to_call(rhs, columns, c(formula_calls, formula_bars))
  formula <- call("~", left, expand_bars(right))
  structure(eval(formula), .Environment = formula_environment())
}

# What a formula may call: base and stats, and center(). Names are columns, checked beforehand.
formula_environment <- function() {
  here <- new.env(parent = asNamespace("stats"))
  here$center <- function(x) x - mean(x, na.rm = TRUE)
  here
}

node_to_call <- function(node, columns, allowed) {
  kinds <- intersect(names(node), c("number", "text", "name", "call"))
  if (!is.list(node) || length(kinds) != 1L) refuse("a formula node is a number, text, name or call")
  value <- node[[kinds]]
  if (kinds == "number") {
    if (!is.numeric(value) || length(value) != 1L || !is.finite(value)) refuse("not a finite number")
    return(as.double(value))
  }
  if (!is.character(value) || length(value) != 1L || is.na(value)) refuse("not a single text: ", kinds)
  if (kinds == "text") return(value)
  if (kinds == "name") {
    if (!value %in% columns || value %in% c("", ".", "...") || grepl("^\\.\\.[0-9]+$", value))
      refuse("`", value, "` is not a column of the data sent")
    return(as.name(value))
  }
  if (!value %in% names(allowed)) refuse("the call `", value, "` is not allowed in a formula")
  arguments <- node[["args"]]
  if (!is.list(arguments) || !length(arguments) %in% allowed[[value]])
    refuse("wrong number of arguments for `", value, "`")
  as.call(c(as.name(value), lapply(arguments, node_to_call, columns = columns, allowed = allowed)))
}

# Random terms as lme4 means them, on calls: (a + b || g) as (1 | g) + (0 + a | g) + (0 + b | g), and
# (x | a/b/c) as (x | c:b:a) + (x | b:a) + (x | a). lme4 expands the former by pasting the names into
# text and parsing that, so that a column named like code would run, and names the latter's groups
# differently from version to version.
expand_bars <- function(node) {
  if (!is.call(node)) return(node)
  inner <- if (identical(node[[1L]], as.name("("))) node[[2L]] else NULL
  if (!is_bar(inner)) {
    node[-1L] <- lapply(as.list(node[-1L]), expand_bars)
    return(node)
  }
  effects <- if (identical(inner[[1L]], as.name("||"))) separate(inner[[2L]]) else inner[2L]
  bars <- unlist(lapply(as.list(effects), function(effect)
    lapply(nested_groups(inner[[3L]]), function(group) call("|", effect, group))))
  Reduce(function(a, b) call("+", a, b), lapply(bars, function(bar) call("(", bar)))
}

is_bar <- function(node) {
  is.call(node) && (identical(node[[1L]], as.name("|")) || identical(node[[1L]], as.name("||")))
}

# The effects of `a + b`, each by itself: 1, 0 + a, 0 + b.
separate <- function(effects) {
  parts <- terms(structure(eval(call("~", effects)), .Environment = formula_environment()))
  variables <- as.list(attr(parts, "variables"))[-1L]
  incidence <- attr(parts, "factors")
  slopes <- lapply(seq_along(attr(parts, "term.labels")), function(k)
    call("+", 0, Reduce(function(a, b) call(":", a, b), variables[incidence[, k] > 0])))
  if (attr(parts, "intercept") == 1L) c(list(1), slopes) else slopes
}

# The grouping factors of a/b/c, innermost first: c:b:a, b:a, a.
nested_groups <- function(group) {
  if (!is.call(group) || !identical(group[[1L]], as.name("/"))) return(list(group))
  outer <- nested_groups(group[[2L]])
  c(list(Reduce(function(a, b) call(":", a, b), c(factors_of(group[[3L]]), factors_of(outer[[1L]])))),
    outer)
}

# The columns of a:b, in order.
factors_of <- function(group) {
  if (is.call(group) && identical(group[[1L]], as.name(":")))
    c(factors_of(group[[2L]]), factors_of(group[[3L]]))
  else list(group)
}

# A request that is refused before anything is fitted.
refuse <- function(...) {
  stop(structure(class = c("request_refused", "error", "condition"),
                 list(message = paste0(...), call = NULL)))
}
