# How the worker runs the reference scripts: read once, evaluated afresh for every request, in an
# environment that dies with it, so that no request can see what an earlier one did.

function(folder) {
  Sys.setlocale("LC_COLLATE", "C")
  files <- sort(list.files(folder, pattern = "[.]R$", full.names = TRUE))
  files <- files[basename(files) != "run.R"]
  if (!length(files)) stop("no R scripts in ", folder)
  scripts <- lapply(files, parse, encoding = "UTF-8", keep.source = FALSE)
  fresh <- function() {
    here <- new.env(parent = globalenv())
    for (script in scripts) for (expression in script) eval(expression, here)
    here
  }
  # Packages set options of their own when they load. They load here, so that what is put back after
  # a request includes them.
  for (package in get("reference_packages", fresh())) requireNamespace(package, quietly = TRUE)
  function(request) {
    before <- options()
    folder_before <- getwd()
    on.exit({
      added <- setdiff(names(options()), names(before))
      options(structure(vector("list", length(added)), names = added))
      options(before)
      setwd(folder_before)
      RNGkind("default", "default", "default")
      rm(list = ls(globalenv(), all.names = TRUE), envir = globalenv())
    })
    get("answer", fresh())(request)
  }
}
