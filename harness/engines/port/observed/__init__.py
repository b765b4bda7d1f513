"""Numbers of the observed values, model or not: standardised differences, responders."""
