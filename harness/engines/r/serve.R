# How the worker runs the reference scripts: read once, evaluated afresh for every request, in an
# environment that dies with it, so that no request can see what an earlier one did.
#
# Gives a list of three functions: answer(request), spent(), parts().

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
  # emmeans among them, which few requests need: an installation is known by the files of what it loads
  # at its start, and answers with means are kept like any other.
  for (package in get("preloaded_packages", fresh()))
    suppressMessages(requireNamespace(package, quietly = TRUE))

  # A question may need a package more than the others do. It loads before the request, not in it, so
  # that what it sets on loading stays, and is there for every later request of its kind.
  load_for <- function(request, here) {
    packages_for <- get0("packages_for", here, mode = "function", inherits = FALSE)
    more <- setdiff(if (!is.null(packages_for)) packages_for(request), loadedNamespaces())
    if (!length(more)) return(invisible())
    for (package in more) requireNamespace(package, quietly = TRUE)
    if (!is.null(usual)) usual <<- surroundings()
  }

  # What a request could leave behind that cannot be put back with certainty.
  surroundings <- function() {
    list(namespaces = sort(loadedNamespaces()), attached = search(),
         libraries = sort(names(getLoadedDLLs())), variables = Sys.getenv(),
         locale = Sys.getlocale(), sinks = c(sink.number(), sink.number("message")),
         devices = grDevices::dev.list(), umask = Sys.umask(NA))
  }
  # The first answer may load R's LAPACK module, a locale or a time zone: what was before it is no measure.
  usual <- NULL

  answer <- function(request) {
    here <- fresh()
    load_for(request, here)
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
    get("answer", here)(request)
  }

  # Whether a request left something behind: this process must not answer another one then.
  spent <- function() {
    now <- surroundings()
    if (is.null(usual)) usual <<- now
    !identical(now, usual)
  }

  # Folders in which R looks for packages, there or not, and the files of those it has loaded.
  parts <- function() {
    named <- Sys.getenv(c("R_LIBS", "R_LIBS_USER", "R_LIBS_SITE"))
    named <- path.expand(unlist(strsplit(named, ":", fixed = TRUE)))
    packages <- vapply(sort(loadedNamespaces()), function(name) {
      if (name == "base") system.file() else getNamespaceInfo(name, "path")
    }, "")
    files <- unlist(lapply(packages, function(path) {
      c(file.path(path, c("DESCRIPTION", "Meta/package.rds", "Meta/nsInfo.rds")),
        list.files(file.path(path, "R"), full.names = TRUE))
    }))
    list(folders = I(unique(c(.libPaths(), named[nzchar(named)]))), files = I(unname(files)))
  }

  list(answer, spent, parts)
}
