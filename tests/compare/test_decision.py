from __future__ import annotations

import math

import pytest

from harness.compare.decision import decision, flip_note, flips


@pytest.mark.parametrize(
    ("quantity", "value", "decided"),
    [
        ("p_value", 0.0499, True),
        ("p_value", 0.05, False),
        ("p_value", math.nan, False),
        ("conf_low", 1e-300, True),
        ("conf_low", 0.0, False),
        ("conf_low", -1.0, False),
        ("d_low", 1e-300, True),
        ("d_low", 0.0, False),
        ("conf_high", -1e-300, True),
        ("conf_high", 0.0, False),
        ("d_high", -1e-300, True),
        ("d_high", 0.0, False),
        ("singular", True, True),
        ("singular", 0, False),
        ("estimate", 1.0, None),
        ("df", 1.0, None),
    ],
)
def test_what_a_reader_decides(quantity: str, value: float, decided: bool | None) -> None:
    assert decision(quantity, value, 0.05) is decided
    assert flips(quantity, value, value, 0.05) is False


def test_what_flips_is_said() -> None:
    assert flip_note("p_value", 0.005) == "p is on the other side of 0.005"
    assert flip_note("singular", 0.05) == "one side calls the fit singular"
    for quantity in ("conf_low", "conf_high", "d_low", "d_high"):
        assert flip_note(quantity, 0.05) == "the interval excludes 0 on one side only"
