"""The parent's side of a worker: one request, one answer or one exception, within a time limit.

R runs in a child process in a session of its own. Whatever happens to it there (a crash, a hang,
``quit()``, a kill from outside) is a ``ReferenceUnavailable`` here, the child and its children are
gone when that is raised, and the next request starts a fresh one.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness.engines.r.columns import Column
from harness.engines.r.home import INSTALL_R, INSTALL_RPY2, child_environment, find_r
from harness.engines.r.scripts import scripts_folder
from harness.errors import ReferenceUnavailable

_CHUNK = 1 << 16
_RPY2_SAYS = "R callback write-console: "
"""What rpy2 puts before a line of R's."""


class _Died(Exception):
    """The child ended in the middle of a request; the text says how."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a running R consists of, as the worker said on starting.

    Attributes:
        started: when the worker was started, in nanoseconds of the epoch.
        files: libraries as the loader found them, and the files of every package loaded.
        folders: where R looks for packages, there or not.
    """

    started: int
    files: tuple[str, ...]
    folders: tuple[str, ...]


class Channel:
    """A worker kept warm between requests.

    Args:
        timeout: seconds one request may take.
        scripts: folder of the R scripts; by default those of this installation.
        start_timeout: seconds R may take to start and load its packages.
    """

    def __init__(
        self, timeout: float = 120.0, scripts: Path | None = None, start_timeout: float = 60.0
    ) -> None:
        self.timeout, self.start_timeout = timeout, start_timeout
        self._scripts = scripts
        self._worker: _Worker | None = None
        self._versions: dict[str, str] = {}
        self._parts: Parts | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The worker's process id, or None when none runs."""
        return self._worker.process.pid if self._worker else None

    @property
    def versions(self) -> dict[str, str]:
        """What the last worker said on starting: R, packages, BLAS, locale; empty before that."""
        return dict(self._versions)

    @property
    def parts(self) -> Parts | None:
        """What the last worker consists of; None before one ran or where it cannot tell."""
        return self._parts

    def ask(
        self,
        request: dict[str, Any],
        columns: Sequence[Column] = (),
        *,
        what: str = "a request",
        retry: bool = False,
    ) -> dict[str, Any]:
        """Send one request and wait for its answer.

        Args:
            request: plain JSON types; see ``r_reference/answer.R``.
            columns: the data.
            what: names the request in messages.
            retry: ask a fresh worker once more where R died of the request. What took too long is
                not asked again: it would take as long, and the limit is on the request.

        Returns:
            ``{"answer": ...}`` or ``{"error": {"kind", "message"}}``, as R gave it; after a second
            attempt also ``"retried"``, how the first one ended.

        Raises:
            ReferenceUnavailable: R is missing, does not start, crashed, or ran out of time.
        """
        with self._lock:
            try:
                return self._ask(request, columns, what)
            except _Died as death:
                first = str(death)
                if not retry:
                    raise ReferenceUnavailable(f"R {first} ({what})") from None
            try:
                return {**self._ask(request, columns, what), "retried": f"R {first} ({what})"}
            except _Died as death:
                again = "did so again" if str(death) == first else f"at the second attempt {death}"
                raise ReferenceUnavailable(f"R {first}, and {again} ({what})") from None
            except ReferenceUnavailable as error:
                raise ReferenceUnavailable(f"R {first}; at the second attempt {error}") from None

    def _ask(self, request: dict[str, Any], columns: Sequence[Column], what: str) -> dict[str, Any]:
        worker = self._running()
        header = json.dumps(
            {"request": request, "columns": [column.header for column in columns]},
            ensure_ascii=True,
            allow_nan=False,
        )
        parts = [header.encode("ascii"), b"\n", *(column.to_bytes() for column in columns)]
        answer = self._exchange(worker, b"".join(parts), self.timeout, what)
        if answer.pop("spent", False):
            self._drop()  # the request left something in R: the next one gets a fresh worker
        return answer

    def start(self) -> None:
        """Start the worker now, if none runs.

        Raises:
            ReferenceUnavailable: R is missing or does not start.
        """
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the worker, if one runs."""
        with self._lock:
            self._drop()

    def _running(self) -> _Worker:
        worker = self._worker
        if worker and worker.owner == os.getpid() and worker.process.poll() is None:
            return worker
        self._drop()
        folder = self._scripts or scripts_folder()
        started = time.time_ns()
        self._worker = worker = _Worker(find_r(), folder)
        try:
            first = self._exchange(worker, b"", self.start_timeout, "starting")
        except _Died as death:
            raise ReferenceUnavailable(f"R {death} (starting)") from None
        if "error" in first:
            self._drop()
            raise ReferenceUnavailable(_start_failure(first["error"]))
        self._versions = dict(first["answer"])
        parts = first.get("parts")
        self._parts = parts and Parts(started, tuple(parts["files"]), tuple(parts["folders"]))
        return worker

    def _exchange(
        self, worker: _Worker, message: bytes, timeout: float, what: str
    ) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = json.loads(worker.exchange(message, timeout))
        except TimeoutError:
            self._drop()
            raise ReferenceUnavailable(
                f"R did not answer within {timeout:g} s ({what}) and was stopped; "
                "the plan's `reference: {timeout: ...}` gives it longer"
            ) from None
        except (OSError, EOFError, ValueError):
            end = worker.epitaph()
            self._drop()
            raise _Died(end) from None
        except BaseException:
            self._drop()  # interrupted in mid-answer: the next answer would be the wrong one
            raise
        return answer

    def _drop(self) -> None:
        worker, self._worker = self._worker, None
        if worker and worker.owner == os.getpid():
            worker.end()


class _Worker:
    """One child process and the two pipes to it."""

    def __init__(self, home: Path, scripts: Path) -> None:
        self.owner = os.getpid()
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.engines.r.worker", str(scripts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=child_environment(home),
            start_new_session=True,
            bufsize=0,
        )
        if self.process.stdin is None or self.process.stdout is None:
            raise ReferenceUnavailable("no pipe to R's process")
        self._input, self._output = self.process.stdin, self.process.stdout
        os.set_blocking(self._input.fileno(), False)
        os.set_blocking(self._output.fileno(), False)
        self._finalizer = weakref.finalize(self, _end, self.process, self.owner)

    def exchange(self, message: bytes, timeout: float) -> bytes:
        """Write a message and read one line, both within ``timeout`` seconds.

        Raises:
            TimeoutError: the time is over.
            EOFError, OSError: the child closed its end.
        """
        deadline = time.monotonic() + timeout
        left, answer = memoryview(message), bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            if left:
                selector.register(self._input, selectors.EVENT_WRITE)
            while not answer.endswith(b"\n"):
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise TimeoutError
                for key, _ in ready:
                    if key.fileobj is self._input:
                        left = left[os.write(self._input.fileno(), left[:_CHUNK]) :]
                        if not left:
                            selector.unregister(self._input)
                        continue
                    content = os.read(self._output.fileno(), _CHUNK)
                    if not content:
                        raise EOFError
                    answer += content
        return bytes(answer)

    def epitaph(self) -> str:
        """How the child ended, in words, with the last thing it said."""
        try:
            code = self.process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            how = "closed the channel without an answer"
        else:
            how = f"was killed by {_signal_name(-code)}" if code < 0 else f"quit with code {code}"
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - 2000))
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        last = lines[-1].strip().removeprefix(_RPY2_SAYS) if lines else ""
        return f"{how}; its last words: {last[:300]}" if last else how

    def end(self) -> None:
        """Kill the child and everything it started, and wait for it."""
        self._finalizer()
        for stream in (self._input, self._output, self._said):
            with suppress(OSError):
                stream.close()


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    if owner != os.getpid():
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _start_failure(error: dict[str, Any]) -> str:
    if error["kind"] == "rpy2":
        return f"rpy2 does not load ({error['message']}): {INSTALL_RPY2}"
    return f"R does not start: {error['message']} (what it needs: {INSTALL_R})"
