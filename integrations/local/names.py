"""Names that reach git and the file system: made from an allowlist, or refused."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path

from core.errors import PermanentFailure

PREFIX = "callboard/"
BRANCH_LENGTH = 60

_AGENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_BRANCH = re.compile(r"[a-z0-9][a-z0-9._/-]*", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+#@-]{0,199}", re.ASCII)
_NEVER = ("..", "@{", "//", "/.", ".lock/")


def check_agent(agent: str) -> str:
    """An agent id becomes a folder and a part of a branch. Raises PermanentFailure for anything else than `web-12`."""
    if not _AGENT.fullmatch(agent) or not _is_clean(agent):
        raise PermanentFailure(f"{agent[:80]!r} cannot be the name of an agent.", remedy="Use a-z, 0-9, '-' and '_'.")
    return agent


def name_folder(agent: str, folder: str) -> str:
    """The folder's name among the worktrees: the agent's own, or that of the spare which it took; those have a dot."""
    name = Path(folder).name
    return check_agent(name if "." in name else agent)


def check_revision(name: str) -> str:
    """A branch, tag or commit that a person named. Raises PermanentFailure when it could be read as more than that."""
    if not _REVISION.fullmatch(name) or not _is_clean(name):
        raise PermanentFailure(f"{name[:80]!r} cannot be the name of a branch.", remedy="Name a branch or a commit.")
    return name


def make_slug(title: str, limit: int) -> str:
    """What a title leaves within a-z, 0-9 and single dashes; "task" when that is nothing."""
    plain = unicodedata.normalize("NFKD", title[:400]).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:limit].strip("-") or "task"


def make_branch(agent: str, title: str, attempt: int = 1) -> str:
    """`callboard/web-12-fix-the-tally`; later attempts get a number at the end."""
    suffix = f"-{attempt}" if attempt > 1 else ""
    start = f"{PREFIX}{check_agent(agent)}-"
    slug = make_slug(title, max(BRANCH_LENGTH - len(start) - len(suffix), 8))
    return check_branch(f"{start}{slug}{suffix}")


def check_branch(branch: str) -> str:
    """Raises PermanentFailure unless it is one of ours by form."""
    if not branch.startswith(PREFIX) or not _BRANCH.fullmatch(branch) or not _is_clean(branch):
        raise PermanentFailure(f"{branch[:80]!r} is not a branch of an agent.")
    return branch


def resolve_inside(root: Path, name: str) -> Path:
    """`root/name` with links followed. Raises PermanentFailure when that leads out of `root`."""
    home = root.resolve()
    folder = home / name
    if folder.resolve() != folder or home not in folder.parents:
        raise PermanentFailure(f"{folder} leads out of {home}.", remedy="Remove what stands there.")
    return folder


def make_marker(home: Path, agent: str) -> str:
    """Value of CALLBOARD_AGENT: tells the agents of one home from those of another."""
    return f"{hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]}:{agent}"


def _is_clean(name: str) -> bool:
    return not any(part in name for part in _NEVER) and not name.endswith((".lock", ".", "/"))
