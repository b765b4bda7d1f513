# The correctly rounded sum of doubles, the same double as Python's math.fsum.
#
# sum() adds in long double where the platform has it and in double where not, so its last digit
# is a property of the machine. Here the addends are cut at a common power of two into high parts
# whose sum is exact (Rump, Ogita & Oishi 2008, SIAM J. Sci. Comput. 31(1), "ExtractVector"),
# again and again until nothing is left; the few exact partial sums are then added without error
# (Shewchuk 1997, Discrete Comput. Geom. 18) and rounded once.

exact_sum <- function(x) {
  x <- as.double(x)
  if (!all(is.finite(x))) return(sum(x))
  x <- x[x != 0]
  partial <- numeric()
  while (length(x)) {
    headroom <- ceiling(log2(length(x) + 2)) + 1
    cut <- 2^(ceiling(log2(max(abs(x)))) + headroom)
    if (!is.finite(cut)) stop("numbers too large to be added exactly")
    high <- (cut + x) - cut
    partial <- c(partial, sum(high))
    x <- x - high
    x <- x[x != 0]
  }
  round_once(expansion_of(partial))
}

# Numbers of increasing size that do not overlap and add up exactly to `partial`.
expansion_of <- function(partial) {
  expansion <- numeric()
  for (x in partial) {
    kept <- numeric()
    for (y in expansion) {
      two <- two_sum(x, y)
      if (two[2L] != 0) kept <- c(kept, two[2L])
      x <- two[1L]
    }
    expansion <- c(kept, x)
  }
  expansion
}

# x + y as the nearest double and what it leaves over (Knuth).
two_sum <- function(x, y) {
  s <- x + y
  v <- s - x
  c(s, (x - (s - v)) + (y - v))
}

# The double nearest to the sum of a non-overlapping expansion, ties to even.
round_once <- function(expansion) {
  k <- length(expansion)
  if (k == 0L) return(0)
  total <- expansion[k]
  while (k > 1L) {
    k <- k - 1L
    two <- two_sum(total, expansion[k])
    total <- two[1L]
    left <- two[2L]
    if (left != 0) {
      # `left` may be exactly half a unit: the sign of what lies below decides the tie.
      if (k > 1L && sign(left) == sign(expansion[k - 1L])) {
        up <- total + 2 * left
        if (up - total == 2 * left) total <- up
      }
      break
    }
  }
  total
}
