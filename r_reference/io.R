# One JSON request in, one JSON answer out, every double bit for bit.
#
# Reading is jsonlite's (its parser calls the C library's strtod, which is correctly rounded).
# Writing is ours: jsonlite stops at 15 significant digits whatever `digits` says, and 15 digits
# change the last bits of a double.

# A request as a plain list: no simplification, so that a vector of one stays a vector.
read_request <- function(path) {
  text <- paste(readLines(path, encoding = "UTF-8", warn = FALSE), collapse = "\n")
  jsonlite::fromJSON(text, simplifyVector = FALSE)
}

# Writes beside and renames, so that a killed run leaves no half answer.
write_answer <- function(answer, path) {
  beside <- paste0(path, ".part")
  connection <- file(beside, open = "wb")
  writeBin(charToRaw(enc2utf8(paste0(to_json(answer), "\n"))), connection)
  close(connection)
  if (!file.rename(beside, path)) stop("cannot write ", path)
}

# A value as JSON. Named lists and named vectors are objects, unnamed lists are arrays, a vector
# of length one is a scalar unless it is wrapped in I(), which makes it an array of one.
to_json <- function(value) {
  if (is.null(value)) return("null")
  named <- !is.null(names(value))
  if (is.list(value) || named) {
    items <- vapply(unclass(as.list(value)), to_json, "")
    if (!named) return(paste0("[", paste(items, collapse = ","), "]"))
    if (!length(items)) return("{}")
    return(paste0("{", paste0(json_string(names(value)), ":", items, collapse = ","), "}"))
  }
  items <- json_atoms(unclass(value))
  if (length(items) == 1L && !inherits(value, "AsIs")) return(items)
  paste0("[", paste(items, collapse = ","), "]")
}

# The elements of an atomic vector: 17 significant digits, NA and NaN as null, infinities as text.
json_atoms <- function(value) {
  if (is.logical(value)) {
    items <- ifelse(value, "true", "false")
  } else if (is.integer(value)) {
    items <- sprintf("%d", value)
  } else if (is.double(value)) {
    items <- sprintf("%.17g", value)
    items[items == "-0"] <- "-0.0"
    items[value == Inf] <- "\"Inf\""
    items[value == -Inf] <- "\"-Inf\""
  } else if (is.character(value)) {
    items <- json_string(value)
  } else {
    stop("no JSON form for a value of type ", typeof(value))
  }
  items[is.na(value)] <- "null"
  items
}

json_string <- function(text) {
  vapply(enc2utf8(as.character(text)), function(one) {
    if (is.na(one)) return("null")
    one <- gsub("\\", "\\\\", one, fixed = TRUE)
    one <- gsub("\"", "\\\"", one, fixed = TRUE)
    if (grepl("[[:cntrl:]]", one)) {
      points <- utf8ToInt(one)
      one <- paste(ifelse(points < 32L | points == 127L, sprintf("\\u%04x", points),
                          vapply(points, intToUtf8, "")), collapse = "")
    }
    paste0("\"", one, "\"")
  }, "", USE.NAMES = FALSE)
}
