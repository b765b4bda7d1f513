"""What R dies of once is asked of a fresh worker once more, and told; nothing else is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from r_examples import SLEEP, sleepstudy, spec
from worker_processes import Scripts, gone, kill_in_flight, large

from harness.engines.r.channel import Channel
from harness.engines.r.engine import RLiveEngine
from harness.errors import ReferenceUnavailable


def test_a_kill_in_flight_is_answered_by_a_fresh_worker_and_said(engine: RLiveEngine) -> None:
    asked, frame = spec(SLEEP), sleepstudy()
    calm = engine.fit(asked, frame)
    pid = engine._channel.pid
    kill_in_flight(engine, times=1)
    answer = engine.fit(asked, frame)
    assert pid is not None
    assert gone(pid)
    assert engine._channel.pid != pid
    (note,) = set(answer.messages) - set(calm.messages)
    assert note.startswith("answered at the second attempt: R was killed by SIGKILL")
    assert asked.formula.text in note
    assert len(engine.retries) == 1
    assert repr(replace(answer, messages=calm.messages)) == repr(calm)
    engine.fit(asked, frame)
    assert len(engine.retries) == 1


def test_two_kills_in_flight_are_an_error_and_the_next_request_works(engine: RLiveEngine) -> None:
    engine.start()
    pid = engine._channel.pid
    assert pid is not None
    killers = kill_in_flight(engine, times=2)
    twice = r"R was killed by SIGKILL.*, and did so again \(`y ~ x"
    with pytest.raises(ReferenceUnavailable, match=twice) as death:
        engine.fit(spec("y ~ x"), large())
    assert len(killers) == 2
    assert death.value.exit_code == 4
    assert gone(pid)
    assert engine.fit(spec(SLEEP), sleepstudy()).n_obs == 180
    assert engine.retries == ()


def test_both_last_words_are_told(scripts: Scripts, tmp_path: Path) -> None:
    note = tmp_path / "once"
    code = f"""
    if (request$question != "die") return("alive")
    first <- !file.exists("{note}")
    file.create("{note}")
    message(if (first) "the first end" else "the second end")
    quit(save = "no", status = if (first) 7L else 8L)
    """
    channel = Channel(timeout=60, scripts=scripts(code))
    try:
        with pytest.raises(ReferenceUnavailable) as death:
            channel.ask({"question": "die"}, what="a test", retry=True)
        assert "last words: the first end, and at the second attempt quit" in str(death.value)
        assert str(death.value).endswith("last words: the second end (a test)")
        assert channel.ask({"question": "other"}, retry=True) == {"answer": "alive"}
    finally:
        channel.close()


@pytest.mark.parametrize(
    ("r_code", "reason"),
    [("Sys.sleep(60)", "did not answer within 1 s"), ('stop("no")', "")],
    ids=["slow", "refused"],
)
def test_what_took_too_long_or_was_refused_is_not_asked_again(
    scripts: Scripts, tmp_path: Path, r_code: str, reason: str
) -> None:
    note = tmp_path / "asked"
    code = f'cat("asked\\n", file = "{note}", append = TRUE); {r_code}'
    channel = Channel(timeout=1.0, scripts=scripts(code))
    try:
        if reason:
            with pytest.raises(ReferenceUnavailable, match=reason):
                channel.ask({"question": "x"}, retry=True)
        else:
            assert channel.ask({"question": "x"}, retry=True)["error"]["message"] == "no"
    finally:
        channel.close()
    assert note.read_text(encoding="utf-8") == "asked\n"
