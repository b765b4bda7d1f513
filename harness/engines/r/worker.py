"""The child process that embeds R: ``python -m harness.engines.r.worker FOLDER``.

It reads requests on standard input and answers on standard output, one at a time, until its
input ends. Both are moved to private descriptors first, so that nothing R or a package prints or
reads can get between: standard input becomes empty, standard output goes to standard error.

A request is one line of JSON ``{"request": ..., "columns": [header, ...]}`` followed by the bytes
of each column; an answer is one line of JSON, ``{"answer": ...}`` or ``{"error": ...}``. The first
answer, unasked, says that R is ready and which versions it has.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from harness.engines.r.columns import Column


def main() -> int:
    """Serve until the input ends."""
    requests, answers = _private_streams()
    threading.Thread(target=_leave_with_parent, args=(os.getppid(),), daemon=True).start()
    try:
        ask = _embed_r(Path(sys.argv[1]))
        first = ask({"question": "session"}, [])
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
        _say(answers, ask(message["request"], columns))
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


def _embed_r(folder: Path) -> Any:
    """Start R in this process and return ``ask(request, columns) -> answer``."""
    embedded: Any = import_module("rpy2.rinterface_lib.embedded")
    embedded.set_initoptions(("rpy2", "--quiet", "--no-save", "--vanilla", "--no-echo"))
    ri: Any = import_module("rpy2.rinterface")
    ri.initr(interactive=False)
    from harness.engines.r import convert

    script = Path(__file__).with_name("serve.R").read_text(encoding="utf-8")
    answer = ri.evalr(script)(ri.StrSexpVector([str(folder)]))

    def ask(request: dict[str, Any], columns: list[Column]) -> Any:
        try:
            return convert.from_r(answer(convert.request_list(request, columns)))
        except embedded.RRuntimeError as error:
            return {"error": {"kind": "internal", "message": " ".join(str(error).split())}}

    return ask


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
