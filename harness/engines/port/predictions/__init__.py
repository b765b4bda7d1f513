"""What a fit says of rows and groups: conditional modes with errors, residuals, predictions."""
