"""Which reference a run takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.engines.reference import open_references
from harness.errors import HarnessError


def test_a_reference_of_another_name_is_not_taken_for_auto(tmp_path: Path) -> None:
    with (
        pytest.raises(HarnessError, match="no reference is called 'foo'; there are auto, live"),
        open_references("foo", records=tmp_path, timeout=1),  # type: ignore[arg-type]
    ):
        pass
