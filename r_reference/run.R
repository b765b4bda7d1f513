# Rscript r_reference/run.R request.json answer.json
#
# From a plain R prompt, source("r_reference/run.R", chdir = TRUE) loads every function here and
# runs nothing.

reference_folder <- function() {
  script <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
  if (length(script) == 1L && basename(script) == "run.R") dirname(script) else "."
}

for (file in sort(list.files(reference_folder(), pattern = "[.]R$", full.names = TRUE))) {
  if (basename(file) != "run.R") source(file, encoding = "UTF-8")
}

if (sys.nframe() == 0L) {
  paths <- commandArgs(trailingOnly = TRUE)
  if (length(paths) != 2L) {
    message("usage: Rscript r_reference/run.R request.json answer.json")
    quit(status = 2L)
  }
  settle_locale()
  given <- answer(read_request(paths[1L]))
  write_answer(given, paths[2L])
  if (!is.null(given$error)) {
    message(given$error$message)
    quit(status = if (given$error$kind == "internal") 4L else 2L)
  }
}
