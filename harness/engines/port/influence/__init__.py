"""What single groups and rows do to a fit: leave-one-out estimates, leverage, residuals."""
