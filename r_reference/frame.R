# A data frame from columns of declared type. Nothing is guessed: neither types, nor levels, nor
# their order, nor what is missing.
#
# A column is  {"name", "type", "values"}  with type double, integer, logical, string or factor;
# a factor has 1-based codes as values and its "levels", in coding order, used or not.
# Values are a list (from JSON, null where missing) or already a vector (from rpy2).

build_frame <- function(columns) {
  names <- vapply(columns, function(column) column$name, "")
  if (anyDuplicated(names)) refuse("two columns are named `", names[anyDuplicated(names)], "`")
  vectors <- lapply(columns, typed_vector)
  rows <- unique(lengths(vectors))
  if (length(rows) != 1L) refuse("the columns differ in length")
  structure(vectors, names = names, row.names = .set_row_names(rows), class = "data.frame")
}

typed_vector <- function(column) {
  values <- column$values
  switch(column$type,
    double = as_vector(values, NA_real_, json_double),
    integer = as_vector(values, NA_integer_, whole),
    logical = as_vector(values, NA, identity),
    string = as_vector(values, NA_character_, enc2utf8),
    factor = typed_factor(as_vector(values, NA_integer_, whole),
                          if (is.factor(values)) levels(values) else unlist(column$levels),
                          column$name),
    refuse("unknown column type `", column$type, "` of `", column$name, "`"))
}

as_vector <- function(values, missing, read) {
  if (is.list(values)) {
    values <- vapply(values, function(one) if (is.null(one)) missing else read(one), missing)
  }
  if (is.factor(values)) values <- as.integer(values)
  if (typeof(values) != typeof(missing))
    refuse("values of type ", typeof(values), " where ", typeof(missing), " was declared")
  values
}

json_double <- function(one) {
  if (identical(one, "Inf")) return(Inf)
  if (identical(one, "-Inf")) return(-Inf)
  if (!is.numeric(one)) refuse("`", one, "` is not a number")
  as.double(one)
}

whole <- function(one) {
  if (!is.numeric(one) || one != trunc(one) || abs(one) > .Machine$integer.max)
    refuse("`", one, "` is not an integer that R can hold")
  as.integer(one)
}

typed_factor <- function(codes, levels, name) {
  levels <- if (is.null(levels)) character() else enc2utf8(levels)
  if (anyDuplicated(levels)) refuse("`", name, "` has a level twice")
  if (any(codes < 1L | codes > length(levels), na.rm = TRUE))
    refuse("`", name, "` has a code outside its levels")
  structure(codes, levels = levels, class = "factor")
}
