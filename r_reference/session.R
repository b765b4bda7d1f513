# Everything outside the request that could change a number.

needed_packages <- c("lme4", "lmerTest", "numDeriv", "digest")
reference_packages <- c("lme4", "lmerTest", "pbkrtest", "Matrix", "nloptr", "minqa", "numDeriv",
                        "jsonlite", "digest")
# What a worker loads when it starts; emmeans' tables load tools, which would end the worker if a request did.
preloaded_packages <- c(reference_packages, "emmeans", "sandwich", "clubSandwich", "tools")

# Stops when a package is missing, so that its absence is not mistaken for a model R refuses.
check_packages <- function(packages = needed_packages) {
  missing <- Filter(function(package) !requireNamespace(package, quietly = TRUE), packages)
  if (length(missing)) stop("R lacks the package ", paste(missing, collapse = ", "))
}

# Text sorts by code point and is UTF-8, whatever the environment says; without UTF-8, R would spell
# names such as `taille` with an accent in escapes, and the terms would no longer be the request's.
settle_locale <- function() {
  Sys.setlocale("LC_COLLATE", "C")
  if (isTRUE(l10n_info()[["UTF-8"]])) return(invisible())
  for (locale in c("C.UTF-8", "en_US.UTF-8"))
    if (nzchar(suppressWarnings(Sys.setlocale("LC_CTYPE", locale)))) return(invisible())
  stop("R has no UTF-8 locale here")
}

# A named list of texts: R, the packages, BLAS, LAPACK, threads, locale, random number generators.
# more: packages that the question asked needs besides.
session <- function(more = character()) {
  packages <- Filter(function(package) nzchar(system.file(package = package)),
                     c(reference_packages, more))
  threads <- Sys.getenv(c("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), NA)
  c(list(R = paste(R.version$major, R.version$minor, sep = ".")),
    lapply(structure(packages, names = packages),
           function(package) packageDescription(package, fields = "Version")),
    list(BLAS = basename(extSoftVersion()[["BLAS"]]),
         LAPACK = paste0(basename(La_library()), " (", La_version(), ")"),
         threads = paste(unique(threads), collapse = ", "),
         collation = Sys.getlocale("LC_COLLATE"),
         encoding = if (isTRUE(l10n_info()[["UTF-8"]])) "UTF-8" else "not UTF-8",
         RNGkind = paste(RNGkind(), collapse = ", "),
         platform = R.version$platform))
}
