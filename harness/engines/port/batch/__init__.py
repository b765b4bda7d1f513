"""Many responses on one design: shared sums, and a search over all of them at once."""
