"""The README's table is what was measured, of the quantities, models and limits there are now."""

from __future__ import annotations

import json

from models import MODELS
from quantities import QUANTITIES
from rules import RULES
from table import END, HERE, ROWS, START, counts, rendered

RECORD = json.loads((HERE / "measured.json").read_text(encoding="utf-8"))


def test_the_table_is_the_measured_one() -> None:
    text = (HERE / "README.md").read_text(encoding="utf-8")
    assert text.split(START)[1].split(END)[0].strip() == rendered(RECORD)


def test_every_quantity_has_one_row() -> None:
    listed = [name for names in ROWS.values() for name in names]
    assert sorted(listed) == sorted(QUANTITIES)


def test_what_was_measured_is_what_is_compared_now() -> None:
    measured = {key: row["models"] for key, row in RECORD["measured"].items()}
    assert measured == counts()


def test_nothing_measured_is_beyond_its_limit_and_limits_are_those_of_now() -> None:
    for key, row in RECORD["measured"].items():
        quantity, tier, *rule = key.split()
        own = getattr(QUANTITIES[quantity], tier)
        assert row["limit"] == (RULES[rule[0]].limit if rule else own), key
        assert 0.0 <= row["worst"] <= row["limit"], key
        assert row["at"] in MODELS


def test_every_rule_is_needed() -> None:
    used = {key.split()[2] for key in RECORD["measured"] if len(key.split()) > 2}
    assert used == set(RULES)
