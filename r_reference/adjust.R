# p values adjusted for their number.
#
#   adjusted_p(c(0.01, 0.04, 0.03), "holm")
#
# holm, hochberg, hommel, BH, BY, bonferroni and none are R's p.adjust; sidak is 1 - (1 - p)^n
# (Sidak 1967, J. Am. Stat. Assoc. 62), and its step-down form sidak-holm (Holland & Copenhaver 1987,
# Biometrics 43). A missing p stays missing and does not count, unless n says how many there are.

adjustments_of_p <- c("holm", "hochberg", "hommel", "BH", "BY", "bonferroni", "none", "sidak",
                      "sidak-holm")

adjusted_p <- function(p, method, n = NULL, names = NULL) {
  if (!method %in% adjustments_of_p) refuse("unknown adjustment `", method, "`")
  there <- !is.na(p)
  if (any(p[there] < 0 | p[there] > 1)) refuse("a p value is not between 0 and 1")
  count <- if (is.null(n)) sum(there) else n
  if (count < sum(there)) refuse("n is ", count, ", less than the ", sum(there), " p values given")
  if (!is.null(names) && length(names) != length(p)) refuse("as many names as p values, please")
  adjusted <- rep(NA_real_, length(p))
  adjusted[there] <- switch(method,
    sidak = -expm1(count * log1p(-p[there])),
    "sidak-holm" = step_down(p[there], count),
    p.adjust(p[there], method, count))
  list(method = method, n = as.integer(count),
       rows = lapply(seq_along(p), function(i)
         list(name = if (is.null(names)) as.character(i) else names[[i]], p_value = p[[i]],
              p_adjusted = adjusted[[i]])))
}

# Sidak's bound of the j-th smallest counts those not yet rejected; it never falls on the way up.
step_down <- function(p, n) {
  order <- order(p)
  left <- n - seq_along(p) + 1
  stepped <- pmin(1, cummax(-expm1(left * log1p(-p[order]))))
  stepped[order(order)]
}
