"""What the tests of R's process share: scripts that misbehave, large data, whether it is gone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.engines.r.engine import RLiveEngine

Scripts = Callable[[str], Path]


def gone(pid: int) -> bool:
    """Whether a process has ended and was waited for (a zombie still has its directory)."""
    return not Path(f"/proc/{pid}").exists()


def large(rows: int = 400_000) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    ids = np.repeat(np.arange(rows // 4), 4)
    return pd.DataFrame(
        {
            "y": rng.normal(size=rows) + rng.normal(size=rows // 4)[ids],
            "x": rng.normal(size=rows),
            "id": pd.Categorical.from_codes(ids, [f"p{i:06d}" for i in range(rows // 4)]),
        }
    )


def kill_in_flight(engine: RLiveEngine, times: int) -> list[threading.Timer]:
    """Have R killed while it works on its next requests, ``times`` times."""
    timers = []
    exchange = engine._channel._exchange

    def with_a_killer(worker: Any, *rest: Any) -> dict[str, Any]:
        if rest[-1] != "starting" and len(timers) < times:
            os.kill(worker.process.pid, signal.SIGSTOP)  # so that no answer can come before
            timers.append(threading.Timer(0.2, os.kill, (worker.process.pid, signal.SIGKILL)))
            timers[-1].start()
        return exchange(worker, *rest)

    engine._channel._exchange = with_a_killer  # type: ignore[method-assign]
    return timers
