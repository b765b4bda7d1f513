"""The child process that embeds R: ``python -m harness.engines.r.worker FOLDER``.

It reads requests on standard input and answers on standard output, one at a time, until its
input ends. Both are moved to private descriptors first, so that nothing R or a package prints or
reads can get between: standard input becomes empty, standard output goes to standard error.

A request is one line of JSON ``{"request": ..., "columns": [header, ...]}`` followed by the bytes
of each column; an answer is one line of JSON, ``{"answer": ...}`` or ``{"error": ...}``. The first
answer, unasked, says that R is ready, which versions it has and which files it consists of
(``"parts"``). An answer with ``"spent": true`` is the last: the request left something in R that
cannot be put back.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NamedTuple

from harness.engines.r.columns import Column
from harness.engines.r.libraries import blas_threads, loaded_libraries, without_pythons


def main() -> int:
    """Serve until the input ends."""
    requests, answers = _private_streams()
    threading.Thread(target=_leave_with_parent, args=(os.getppid(),), daemon=True).start()
    try:
        r = _embed_r(Path(sys.argv[1]))
        first = _first_answer(r)
    except ImportError as error:
        first = {"error": {"kind": "rpy2", "message": str(error)}}
    _say(answers, first)
    if "error" in first:
        return 1
    while line := requests.readline():
        message = json.loads(line)
        columns = [
            Column.from_bytes(header, _exactly(requests, header))
            for header in message.pop("columns")
        ]
        answer = r.ask(message["request"], columns)
        if r.spent():
            answer["spent"] = True
        _say(answers, answer)
    return 0


def _private_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Move standard input and output out of R's reach (and of its children's)."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _leave_with_parent(parent: int) -> None:
    """End this process when the one that started it is gone, whatever R is doing."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


class _R(NamedTuple):
    """The R in this process: what ``serve.R`` gives, in plain types."""

    ask: Callable[[dict[str, Any], list[Column]], Any]
    spent: Callable[[], bool]
    parts: Callable[[], dict[str, list[str]]]


def _embed_r(folder: Path) -> _R:
    """Start R in this process."""
    embedded: Any = import_module("rpy2.rinterface_lib.embedded")
    embedded.set_initoptions(("rpy2", "--quiet", "--no-save", "--vanilla", "--no-echo"))
    ri: Any = import_module("rpy2.rinterface")
    ri.initr(interactive=False)
    from harness.engines.r import convert

    script = Path(__file__).with_name("serve.R").read_text(encoding="utf-8")
    answer, spent, parts = ri.evalr(script)(ri.StrSexpVector([str(folder)]))

    def ask(request: dict[str, Any], columns: list[Column]) -> Any:
        try:
            return convert.from_r(answer(convert.request_list(request, columns)))
        except embedded.RRuntimeError as error:
            return {"error": {"kind": "internal", "message": " ".join(str(error).split())}}

    return _R(ask, lambda: bool(convert.from_r(spent())), lambda: convert.from_r(parts()))


def _first_answer(r: _R) -> dict[str, Any]:
    """R's versions and the files it consists of, or why it must not be used."""
    first: dict[str, Any] = r.ask({"question": "session"}, [])
    r.spent()  # what is there now is what every later request must leave
    if "error" in first:
        return first
    libraries = loaded_libraries()
    if libraries is None:
        return first
    libraries = without_pythons(libraries)
    for name, threads in blas_threads(libraries).items():
        if threads != 1:
            said = f"its BLAS {name} has {threads} threads although one was asked for"
            return {"error": {"kind": "internal", "message": said}}
    parts = r.parts()
    return {**first, "parts": {**parts, "files": [*parts["files"], *libraries]}}


def _exactly(stream: IO[bytes], header: dict[str, Any]) -> bytes:
    size = header["rows"] * (8 if header["type"] == "double" else 4)
    content = stream.read(size)
    if len(content) != size:
        raise EOFError("the request ended in the middle of a column")
    return content


def _say(stream: IO[bytes], answer: Any) -> None:
    stream.write(json.dumps(answer, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
