"""The confidence level, checked."""

from __future__ import annotations

import numpy as np

from harness.errors import ModelError


def check_level(level: float) -> None:
    """Refuse what is no confidence level.

    Raises:
        ModelError: outside (0, 1), or no number.
    """
    number = isinstance(level, float | int | np.number) and not isinstance(level, bool)
    if not number or not 0.0 < level < 1.0:
        raise ModelError(f"level must lie between 0 and 1, not {level!r}; write 0.95 for 95 %")
