"""Makes ``trial.csv``, a synthetic trial: 16 patients, three visits, one score."""

from __future__ import annotations

import random
from pathlib import Path


def table() -> str:
    """The file's text, the same on every machine."""
    draw = random.Random(20190807)
    lines = ["id,arm,visit,sessions,score"]
    for patient in range(16):
        arm = "new" if patient % 2 else "usual"
        sessions = draw.randint(3, 8) if arm == "new" else ""
        level = draw.gauss(24, 5)
        for visit in (0, 1, 2):
            score = level + draw.gauss(0, 2.5) - visit * (3 if arm == "new" else 1)
            given = "" if (patient, visit) == (4, 2) else f"{score:.1f}"
            lines.append(f"s{patient:02d},{arm},{visit},{sessions},{given}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("trial.csv").write_text(table(), encoding="utf-8")
