"""Where paths really lead."""

from __future__ import annotations

import os
import shutil


def resolve_path(path: str) -> str:
    """The real path of an absolute path, links followed; of a bare name the program on the PATH. "" when there is
    none."""
    if "\0" in path:
        return ""
    if "/" in path:
        return os.path.realpath(path)
    found = shutil.which(path) if path else None
    return os.path.realpath(found) if found else ""
