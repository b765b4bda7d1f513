# Which of the packages named are installed, and what R runs on: one `name<TAB>version` a line.
# Base R only, so that it can say what is missing.

cat(sprintf("R\t%s.%s\n", R.version$major, R.version$minor))
cat(sprintf("BLAS\t%s\n", extSoftVersion()[["BLAS"]]))
cat(sprintf("LAPACK\t%s (%s)\n", La_library(), La_version()))
for (package in commandArgs(trailingOnly = TRUE)) {
  if (nzchar(system.file(package = package)))
    cat(sprintf("%s\t%s\n", package, utils::packageDescription(package, fields = "Version")))
}
