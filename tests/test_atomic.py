from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.atomic import write_text
from harness.errors import DataError


def test_the_file_is_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a" / "b.txt", "zwölf\n")
    assert path.read_bytes() == "zwölf\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["b.txt"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_text(tmp_path / "b.txt", "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"b\.txt: cannot be written \(No space left on device\)"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["b.txt"]


def test_the_target_is_never_open_for_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_text(tmp_path / "b.txt", "old")
    seen: list[str] = []
    replace = os.replace

    def look(source: str, target: str) -> None:
        seen.append(Path(target).read_text())
        assert Path(source).read_text() == "new"
        assert Path(source).parent == Path(target).parent
        replace(source, target)

    monkeypatch.setattr(os, "replace", look)
    write_text(path, "new")
    assert seen == ["old"]
    assert path.read_text() == "new"


def test_the_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    plain = tmp_path / "plain.txt"
    plain.touch()
    assert write_text(tmp_path / "b.txt", "x").stat().st_mode == plain.stat().st_mode
