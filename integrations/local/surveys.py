"""Looks at a repository that is to become a project, and fetches one that is elsewhere."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection
from pathlib import Path

from core.errors import Conflict, PermanentFailure, TemporaryFailure
from core.interfaces import Survey
from integrations.local.git import Ran, explain_failure, lock_repository, run_git, try_git

CLONE_SECONDS = 1_800.0
REACH_SECONDS = 20.0
_READ = 100_000
_ALLOWED = {"GIT_ALLOW_PROTOCOL": "https:ssh:file"}
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*", re.ASCII)
_GUESSES = (
    ("Cargo.toml", "cargo test"),
    ("go.mod", "go test ./..."),
    ("mix.exs", "mix test"),
    ("gradlew", "./gradlew test"),
    ("pom.xml", "mvn test"),
    ("tox.ini", "tox"),
    ("pytest.ini", "python -m pytest"),
    ("pyproject.toml", "python -m pytest"),
    ("Rakefile", "rake test"),
)


class LocalSurveyor:
    """A Surveyor of core/interfaces for this machine."""

    def __init__(self, home: Path) -> None:
        self.worktrees = home.absolute().resolve() / "worktrees"

    async def survey(self, folder: str, reach: bool) -> Survey:
        top, bare, shallow = await _find_top(folder)
        if Path(top).is_relative_to(self.worktrees):
            raise Conflict(f"{top} is the worktree of an agent.", remedy="Name the repository that it belongs to.")
        base, notes = await _find_base(top)
        remote = await _find_remote(top)
        names, texts = await _read_tree(top, base)
        notes += ["It is bare: work is merged without a folder."] if bare else []
        notes += ["It is shallow: old commits are missing."] if shallow else []
        notes += [".gitmodules: submodules are not fetched into worktrees."] if ".gitmodules" in names else []
        if "filter=lfs" in texts.get(".gitattributes", ""):
            notes.append("Large files (LFS) need git-lfs on this machine; without it agents see pointers.")
        answer = await _try_reach(top, remote) if reach and remote else ""
        address = await _read_address(top, remote) if remote else ""
        return Survey(top, base, address, answer, _guess_test(names, texts), notes)

    async def clone(self, url: str, folder: Path) -> None:
        lock = lock_repository(str(folder))
        async with lock:
            if folder.exists():
                await _check_same(url, folder)
            else:
                await _clone(url, folder)


# ------------------------------------------------------------------------------------------------------------- survey


async def _find_top(folder: str) -> tuple[str, bool, bool]:
    if not Path(folder).is_dir():
        raise PermanentFailure(f"There is no folder {folder}.", remedy="Name the folder of a git repository.")
    ran = await run_git(
        folder, "rev-parse", "--path-format=absolute", "--is-bare-repository", "--is-shallow-repository", "--git-dir"
    )
    bare, shallow, admin = ran.lines
    if bare == "true":
        return os.path.realpath(admin), True, shallow == "true"
    top = await run_git(folder, "rev-parse", "--path-format=absolute", "--show-toplevel")
    return os.path.realpath(top.output.rstrip("\n")), False, shallow == "true"


async def _find_base(top: str) -> tuple[str, list[str]]:
    """The default branch: that of the remote where it is here, else the one checked out, else one of the usual names;
    "" when there is none of these, or it has a name that no setting takes."""
    heads = set((await run_git(top, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")).lines)
    there = await try_git(top, "symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
    here = await try_git(top, "symbolic-ref", "--quiet", "HEAD")
    wanted = (
        there.output.strip().removeprefix("refs/remotes/origin/"),
        here.output.strip().removeprefix("refs/heads/"),
        "main",
        "master",
    )
    found = next((name for name in wanted if name in heads and _BRANCH.fullmatch(name)), "")
    if not found and not (await try_git(top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")).ok:
        raise PermanentFailure(f"{top} has no commit yet.", remedy="Make a first commit there.")
    if not found:
        return "", ["No branch can be told to be the default: work starts from the commit that is checked out."]
    return found, [] if here.ok else [f"Its HEAD is detached: work starts from {found}."]


async def _find_remote(top: str) -> str:
    remotes = (await run_git(top, "remote")).lines
    return "origin" if "origin" in remotes else remotes[0] if len(remotes) == 1 else ""


async def _read_address(top: str, remote: str) -> str:
    ran = await try_git(top, "remote", "get-url", "--", remote)
    return _hide(ran.output.strip())


async def _try_reach(top: str, remote: str) -> str:
    """Why the remote does not answer; "" when it does."""
    try:
        ran = await try_git(top, "ls-remote", "--quiet", "--", remote, "HEAD", seconds=REACH_SECONDS)
    except TemporaryFailure as failure:
        return failure.message
    return "" if ran.ok else _say(ran)


async def _read_tree(top: str, base: str) -> tuple[Collection[str], dict[str, str]]:
    """The names at the top of the default branch, and the files there that tell something."""
    start = f"refs/heads/{base}" if base else "HEAD"
    names = set((await run_git(top, "ls-tree", "-z", "--name-only", start, "--")).names)
    told = names & {".gitattributes", "package.json", "Makefile"}
    texts = {name: await try_git(top, "cat-file", "blob", f"{start}:{name}", limit=_READ) for name in told}
    return names, {name: ran.output for name, ran in texts.items() if ran.ok}


def _guess_test(names: Collection[str], texts: dict[str, str]) -> str:
    if re.search(r"^test:", texts.get("Makefile", ""), re.MULTILINE):
        return "make test"
    if _has_script(texts.get("package.json", "")):
        return "npm test"
    found = next((command for name, command in _GUESSES if name in names), "")
    return found or ("python -m unittest discover tests" if "tests" in names else "")


def _has_script(text: str) -> bool:
    try:
        scripts = json.loads(text)["scripts"]
        return bool(scripts["test"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


# -------------------------------------------------------------------------------------------------------------- clone


async def _check_same(url: str, folder: Path) -> None:
    """What an earlier call fetched is used; anything else that stands there is somebody's."""
    ran = await try_git(folder, "remote", "get-url", "--", "origin")
    if not ran.ok or ran.output.strip() != url:
        raise Conflict(f"{folder} is there already, and is something else.", remedy="Choose another --name.")


async def _clone(url: str, folder: Path) -> None:
    draft = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        ran = await try_git(
            folder.parent, "clone", "--quiet", "--origin", "origin", "--no-recurse-submodules",
            "--", url, str(draft), seconds=CLONE_SECONDS, env=_ALLOWED,
        )  # fmt: skip
        if not ran.ok:
            raise _explain_clone(ran)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _explain_clone(ran: Ran) -> PermanentFailure:
    known = explain_failure(ran, "", "git clone")
    if "failed in" not in known.message:
        return known
    return PermanentFailure(
        f"It cannot be fetched: {_say(ran)}",
        remedy="Try git clone as the user who runs the bot: address, network, sign-in.",
    )


def _say(ran: Ran) -> str:
    return _hide(" ".join(ran.words.replace("fatal: ", "").split())[:500]) or f"exit code {ran.code}"


def _hide(text: str) -> str:
    return re.sub(r"(?<=://)[^/@\s]*@", "", text)
