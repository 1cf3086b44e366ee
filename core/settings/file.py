"""Writes the configuration file in one step: whoever reads it sees the old text or the new one, also after a crash."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from tempfile import mkstemp

from core.errors import Conflict

MODE = 0o600


def read_content(file: Path) -> bytes:
    """What the file holds, nothing when there is none. Raises Conflict when it cannot be read."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise Conflict(f"{file} cannot be read: {error.strerror}.", remedy="Make it readable for the bot.") from error


def replace_file(file: Path, content: bytes, before: bytes, *, private: bool = False) -> None:
    """Put `content` in the place of `before`; links are followed, the mode is kept unless it shall be `private`.
    Raises Conflict when the file cannot be written, or holds something else than `before` by now: then nothing was
    changed."""
    try:
        real = file.resolve()
        real.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = _write_draft(real, content)
        try:
            if private:
                draft.chmod(MODE)
            if read_content(real) != before:
                raise Conflict(f"{file} was changed by somebody else just now.", remedy="Do it again.")
            draft.replace(real)
        finally:
            draft.unlink(missing_ok=True)
        _settle(real.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Conflict(f"{file} cannot be written: {reason}.", remedy="Nothing was changed.") from error


def _write_draft(real: Path, content: bytes) -> Path:
    handle, name = mkstemp(prefix=f".{real.name}-", dir=real.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            _copy_rights(real, stream.fileno())
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _copy_rights(real: Path, handle: int) -> None:
    try:
        there = real.stat()
    except FileNotFoundError:
        os.fchmod(handle, MODE)
        return
    os.fchmod(handle, stat.S_IMODE(there.st_mode))
    with contextlib.suppress(PermissionError):
        os.fchown(handle, there.st_uid, there.st_gid)


def _settle(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
