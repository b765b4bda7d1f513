"""Checks of the fixtures themselves."""
