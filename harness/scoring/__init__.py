"""Questionnaires: what they are (data), and scores from answers (one pure function)."""

from harness.scoring.catalogue import instruments
from harness.scoring.instrument import Form, Instrument, InstrumentName, MissingRule, Part

__all__ = ["Form", "Instrument", "InstrumentName", "MissingRule", "Part", "instruments"]
