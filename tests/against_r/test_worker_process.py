"""Whatever happens to R's process is one message here, and the next request works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from r_examples import SLEEP, awkward, sleepstudy, spec
from worker_processes import Scripts, gone, large

from harness.engines.r.channel import Channel
from harness.engines.r.columns import columns_of
from harness.engines.r.engine import RLiveEngine
from harness.engines.r.home import child_environment
from harness.engines.r.installed import installed
from harness.errors import ReferenceUnavailable


def test_the_worker_stays_warm(lme4: RLiveEngine) -> None:
    assert lme4.start().startswith("R 4.")
    lme4.fit(spec(SLEEP), sleepstudy())
    pid = lme4._channel.pid
    took = []
    for _ in range(5):
        begin = time.monotonic()
        lme4.fit(spec(SLEEP), sleepstudy())
        took.append(time.monotonic() - begin)
    assert lme4._channel.pid == pid
    assert min(took) < 1.0


def test_a_kill_between_requests_is_not_even_noticed(scripts: Scripts) -> None:
    channel = Channel(timeout=60, scripts=scripts("1"))
    channel.start()
    pid = channel.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert channel.ask({"question": "one"}) == {"answer": 1.0}
    assert gone(pid)
    channel.close()


def test_a_request_that_takes_too_long_is_stopped(r_home: Path) -> None:
    with RLiveEngine(timeout=0.3) as engine:
        engine.start()
        pid = engine._channel.pid
        begin = time.monotonic()
        with pytest.raises(ReferenceUnavailable, match=r"did not answer within 0\.3 s") as late:
            engine.fit(spec("y ~ x + (x | id)"), large(100_000))
        assert time.monotonic() - begin < 20
        assert "timeout" in str(late.value)
        assert pid is not None
        assert gone(pid)
        engine._channel.timeout = 60
        assert engine.fit(spec("y ~ x"), awkward()).engine == "lm"


@pytest.mark.parametrize("rows", [4, 1_000_000], ids=["small", "larger-than-the-pipe"])
def test_a_stopped_worker_cannot_hang_the_parent(scripts: Scripts, rows: int) -> None:
    with RLiveEngine(timeout=0.5, scripts=scripts("1")) as engine:
        engine._channel.start()
        pid = engine._channel.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        frame = pd.DataFrame({"y": np.arange(rows, dtype=float), "x": np.ones(rows)})
        with pytest.raises(ReferenceUnavailable, match="did not answer"):
            engine.fit(spec("y ~ x"), frame)
        assert gone(pid)


@pytest.mark.parametrize(
    ("r_code", "reason"),
    [
        ("tools::pskill(Sys.getpid(), 11L); Sys.sleep(30)", "R was killed by SIGSEGV"),
        ("tools::pskill(Sys.getpid(), 6L); Sys.sleep(30)", "R was killed by SIGABRT"),
        ("quit(save = 'no', status = 7L)", "R quit with code"),
        ("f <- function(x) f(x + 1); options(expressions = 5e5); f(1)", "R "),
    ],
    ids=["segfault", "abort", "quit", "stack"],
)
def test_a_crash_of_r_is_one_line(scripts: Scripts, r_code: str, reason: str) -> None:
    folder = scripts(f'if (identical(request$question, "die")) {{ {r_code} }}\n"alive"')
    channel = Channel(timeout=60, scripts=folder)
    try:
        with pytest.raises(ReferenceUnavailable, match=reason) as death:
            channel.ask({"question": "die"}, what="a test")
        assert "(a test)" in str(death.value)
        assert "\n" not in str(death.value)
        assert channel.ask({"question": "other"}) == {"answer": "alive"}
    finally:
        channel.close()


def test_an_endless_loop_is_stopped(scripts: Scripts) -> None:
    channel = Channel(timeout=1.0, scripts=scripts('if (request$question == "spin") repeat {}; 1'))
    try:
        with pytest.raises(ReferenceUnavailable, match="within 1 s"):
            channel.ask({"question": "spin"})
        assert channel.ask({"question": "other"}) == {"answer": 1.0}
    finally:
        channel.close()


def test_children_of_r_die_with_it(scripts: Scripts, tmp_path: Path) -> None:
    note = tmp_path / "child"
    code = f"system('sleep 300 & echo $! > {note}; wait')"
    channel = Channel(timeout=1.0, scripts=scripts(code))
    with pytest.raises(ReferenceUnavailable):
        channel.ask({"question": "child"})
    child = int(note.read_text())
    for _ in range(100):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("R's child outlived it")


def test_what_r_prints_or_reads_cannot_corrupt_the_channel(scripts: Scripts) -> None:
    code = """
    cat('{"answer": "forged"}\\n'); print("noise"); message("note"); warning("careful")
    system("echo '{\\"answer\\": \\"forged by a child\\"}'")
    writeLines("x", stdout()); write("y", stderr())
    read <- c(suppressWarnings(readLines(file("stdin"))), readline("? "))
    list(read = I(read))
    """
    channel = Channel(timeout=30, scripts=scripts(code))
    try:
        for _ in range(2):
            assert channel.ask({"question": "noise"}) == {"answer": {"read": [""]}}
    finally:
        channel.close()


def test_no_request_sees_what_an_earlier_one_left(scripts: Scripts) -> None:
    code = """
    seen <- list(global = exists("left", envir = globalenv()), local = exists("fit_lm_touched"),
                 contrasts = unname(getOption("contrasts")[1]), own = is.null(getOption("left")),
                 seed = exists(".Random.seed", envir = globalenv()), kind = RNGkind()[1],
                 folder = getwd())
    assign("left", 1, envir = globalenv()); fit_lm_touched <<- 1
    options(contrasts = c("contr.sum", "contr.poly"), left = 1, warn = 2, digits = 3)
    set.seed(1, kind = "Wichmann-Hill"); runif(1); setwd(tempdir())
    seen
    """
    channel = Channel(timeout=30, scripts=scripts(code))
    try:
        first, second = (channel.ask({"question": "look"}) for _ in range(2))
    finally:
        channel.close()
    assert first == second
    assert first["answer"]["own"] is True
    assert first["answer"]["global"] is False


def test_threads_queue_up(lme4: RLiveEngine) -> None:
    found: list[float] = []
    threads = [
        threading.Thread(
            target=lambda: found.append(lme4.fit(spec(SLEEP), sleepstudy()).fit.criterion)
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_closing_leaves_no_process(scripts: Scripts) -> None:
    engine = RLiveEngine(scripts=scripts("1"))
    engine._channel.start()
    pid = engine._channel.pid
    assert pid is not None
    engine.close()
    assert gone(pid)
    engine.close()  # twice is once


@pytest.mark.parametrize("r_code", ["1", "repeat {}"], ids=["idle", "busy"])
def test_the_worker_leaves_with_its_parent(r_home: Path, scripts: Scripts, r_code: str) -> None:
    code = (
        "import os, pathlib, threading, time; from harness.engines.r.channel import Channel; "
        f"c = Channel(scripts=pathlib.Path({str(scripts(r_code))!r})); c.start(); "
        "threading.Thread(target=c.ask, args=({'question': 'x'},), daemon=True).start(); "
        "time.sleep(0.5); print(c.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    parent = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=child_environment(r_home),
        check=False,
    )
    assert parent.returncode == -signal.SIGKILL
    pid = int(parent.stdout)
    for _ in range(100):
        if gone(pid):
            break
        time.sleep(0.1)
    else:
        os.kill(pid, signal.SIGKILL)
        pytest.fail("the worker outlived its parent")


def test_scripts_that_do_not_parse_are_one_line(scripts: Scripts) -> None:
    folder = scripts("1")
    (folder / "broken.R").write_text("f <- function( {", encoding="utf-8")
    channel = Channel(scripts=folder)
    with pytest.raises(ReferenceUnavailable, match="R ") as broken:
        channel.start()
    assert "\n" not in str(broken.value)
    assert channel.pid is None


def test_a_missing_package_is_named_with_what_installs_it(scripts: Scripts) -> None:
    folder = scripts("1")
    (folder / "zz_ask.R").write_text('needed_packages <- "lme5"\n', encoding="utf-8")
    with pytest.raises(ReferenceUnavailable, match=r"R lacks the package lme5.*apt-get install"):
        Channel(scripts=folder).start()


def test_every_column_type_arrives_as_declared(scripts: Scripts) -> None:
    code = """
    d <- build_frame(request$data)
    list(types = lapply(d, function(x) c(typeof(x), class(x))),
         na = lapply(d, function(x) I(which(is.na(x)))),
         nan = lapply(Filter(is.double, d), function(x) I(which(is.nan(x)))),
         levels = lapply(Filter(is.factor, d), levels), text = I(d[["a `b` c"]]),
         bits = I(vapply(d$x, function(v) paste(rev(writeBin(v, raw())), collapse = ""), "")),
         numbers = I(d$n), factor = I(d$f), flag = I(d$b), encoding = Encoding(d[["a `b` c"]][1]))
    """
    frame = pd.DataFrame(
        {
            "x": [0.1, np.nan, -0.0, np.inf],
            "n": pd.Series([1, None, -(2**31) + 1, 2**31 - 1], dtype="Int64"),
            "f": pd.Categorical(["ü", None, "a", "ü"], categories=["z", "ü", "a"]),
            "b": pd.Series([True, None, False, True], dtype="boolean"),
            "a `b` c": pd.Series(["é", None, "", "日本"], dtype="str"),
        }
    )
    channel = Channel(timeout=30, scripts=scripts(code))
    try:
        got = channel.ask({"question": "types"}, columns_of(frame, frame.columns))["answer"]
    finally:
        channel.close()
    assert got["types"] == {
        "x": ["double", "numeric"],
        "n": ["integer", "integer"],
        "f": ["integer", "factor"],
        "b": ["logical", "logical"],
        "a `b` c": ["character", "character"],
    }
    assert set(map(tuple, got["na"].values())) == {(2,)}
    assert got["nan"] == {"x": []}
    assert got["levels"] == {"f": ["z", "ü", "a"]}
    assert got["text"] == ["é", None, "", "日本"]
    assert got["encoding"] == "UTF-8"
    assert got["bits"] == [
        np.float64(0.1).view(np.uint64).item().to_bytes(8, "big").hex(),
        "7ff00000000007a2",
        "8000000000000000",
        "7ff0000000000000",
    ]
    assert got["numbers"] == [1, None, -(2**31) + 1, 2**31 - 1]
    assert got["factor"] == ["ü", None, "a", "ü"]
    assert got["flag"] == [True, None, False, True]


def test_large_data_go_over_as_blocks_of_memory(scripts: Scripts) -> None:
    channel = Channel(timeout=60, scripts=scripts("nrow(build_frame(request$data))"))
    frame = large(450_000)
    try:
        channel.start()
        begin = time.monotonic()
        columns = columns_of(frame, frame.columns)
        assert channel.ask({"question": "rows"}, columns) == {"answer": 450_000}
        assert time.monotonic() - begin < 20
    finally:
        channel.close()


def test_doctor_finds_everything(r_home: Path) -> None:
    parts = installed()
    assert [part.name for part in parts if part.needed and not part.present] == []
    assert {part.name for part in parts if part.kind == "library"} == {"BLAS", "LAPACK"}
