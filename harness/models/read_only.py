"""Arrays that a fit hands out and keeps: whoever writes into one is told, and the fit stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def read_only(array: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The same numbers, not writable through what is returned; nothing is copied."""
    view: npt.NDArray[Any] = array.view()
    view.flags.writeable = False
    return view
