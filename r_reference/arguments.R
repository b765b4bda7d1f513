# Arguments of a request, each of the type and size it must have, or one line that says which is not.
# They come as lists of scalars (JSON, or rpy2); `name` is the argument's, for the message.

one_text <- function(value, name) {
  if (!is.character(value) || length(value) != 1L || is.na(value)) refuse("`", name, "` is not a text")
  enc2utf8(value)
}

one_choice <- function(value, name, choices) {
  value <- one_text(value, name)
  if (!value %in% choices)
    refuse("`", name, "` is `", value, "`; allowed: ", paste(choices, collapse = ", "))
  value
}

# A list of texts, or one text.
texts <- function(value, name) {
  if (is.null(value)) return(character())
  found <- lapply(as.list(value), one_text, name)
  if (!is.null(names(value))) refuse("`", name, "` is not a list of texts")
  as.character(unlist(found))
}

one_number <- function(value, name, low = -Inf, high = Inf) {
  value <- if (is.list(value) && length(value) == 1L) value[[1L]] else value
  if (is.character(value) || length(value) != 1L || !is.numeric(value) || !is.finite(value))
    refuse("`", name, "` is not a finite number")
  if (value < low || value > high) refuse("`", name, "` is not from ", low, " to ", high)
  as.double(value)
}

whole_number <- function(value, name, low) {
  value <- one_number(value, name, low, .Machine$integer.max)
  if (value != trunc(value)) refuse("`", name, "` is not a whole number")
  as.integer(value)
}

# A list of finite numbers, or one.
numbers <- function(value, name) {
  if (is.null(value)) return(numeric())
  if (!is.null(names(value))) refuse("`", name, "` is not a list of numbers")
  vapply(as.list(value), one_number, 0, name = name)
}

flag <- function(value, name) {
  if (!is.logical(value) || length(value) != 1L || is.na(value)) refuse("`", name, "` is not true or false")
  value
}

# An object of some kind of value by name.
named <- function(value, name, read) {
  if (is.null(value) || (is.list(value) && !length(value))) return(list())
  if (!is.list(value) || is.null(names(value)) || any(!nzchar(names(value))) || anyDuplicated(names(value)))
    refuse("`", name, "` is not an object with a name for each value")
  structure(lapply(names(value), function(key) read(value[[key]], paste0(name, "$", key))),
            names = enc2utf8(names(value)))
}

# Numbers or texts, not both.
levels_or_numbers <- function(value, name) {
  if (all(vapply(as.list(value), is.character, NA))) texts(value, name) else numbers(value, name)
}

# A matrix from a list of rows.
rows_of_numbers <- function(value, name) {
  rows <- lapply(as.list(value), numbers, name)
  if (!length(rows) || length(unique(lengths(rows))) != 1L) refuse("`", name, "` is no list of equal rows")
  do.call(rbind, rows)
}

optional <- function(value, read, ...) if (!is.null(value)) read(value, ...)

level_of <- function(value, name = "conf_level") {
  if (is.null(value)) return(0.95)
  level <- one_number(value, name)
  if (level <= 0 || level >= 1) refuse("`", name, "` is not between 0 and 1")
  level
}

# Refuses what a question does not take: a misspelt argument must not pass for an absent one.
only <- function(request, allowed) {
  for (name in setdiff(names(request), c("question", "data", allowed)))
    refuse("`", request$question, "` takes no `", name, "`; allowed: ", paste(allowed, collapse = ", "))
}
