"""Decides whether a trial's mixed-model numbers can be believed."""
