"""The rules that come with the house. Those that only close are in force unless they are switched off; those that open
are chosen by name. Pure."""

from __future__ import annotations

from functools import cache

from core.rules.rule import Rule, parse_rule

STOCKS = ("none", "cautious", "readonly-allowed", "tests-allowed")
_NETWORK = ("curl", "wget")
_CLOSED: tuple[object, ...] = (
    *({"deny": {"command": ["rm", "-rf", place]}} for place in ("/", "/*", "~", "~/*", "~/.*")),
    *({"deny": {"command": f"{program} | sh"}} for program in _NETWORK),
    *({"deny": {"command": f"{program} | python3"}} for program in _NETWORK),
    "deny git push --force",
    "deny git push --mirror",
    *(f"deny {program}" for program in ("sudo", "doas", "pkexec", "shutdown", "reboot", "poweroff", "halt")),
    *(f"deny {program}" for program in ("mkfs", "mkfs.ext4", "mkfs.xfs", "fdisk", "wipefs")),
    "deny chmod -R 777 /",
    *(
        {"deny": {"path": path}}
        for path in (
            "~/.ssh/**",
            "~/.gnupg/**",
            "~/.aws/**",
            "~/.azure/**",
            "~/.kube/**",
            "~/.docker/config.json",
            "~/.config/gcloud/**",
            "~/.config/gh/**",
            "~/.netrc",
            "~/.git-credentials",
            "~/.password-store/**",
            "/etc/shadow",
            "/etc/sudoers",
        )
    ),
    *({"deny": {"host": host}} for host in ("169.254.169.254", "metadata.google.internal")),
)
_READING = ("status", "log", "diff", "show", "blame", "ls-files", "rev-parse", "describe", "shortlog", "merge-base")
_OPEN_READING: tuple[object, ...] = (
    # Options by which git runs a program or writes a file come first.
    *(
        {"ask": {"command": ["git", option]}}
        for option in ("--output", "--ext-diff", "--textconv", "--open-files-in-pager")
    ),
    *(f"allow execute git {verb}" for verb in _READING),
    "allow read",
    "allow search",
)
_OPEN_TESTS: tuple[object, ...] = tuple(
    f"allow execute {command}"
    for command in (
        "python3 -m unittest",
        "python3 -m pytest",
        "python -m unittest",
        "python -m pytest",
        "pytest",
        "npm test",
        "npm run test",
        "yarn test",
        "pnpm test",
        "make test",
        "make check",
        "go test",
        "cargo test",
        "mvn test",
    )
)


@cache
def list_stock(name: str) -> tuple[Rule, ...]:
    """The stock rules of a name: none, cautious (only closes), readonly-allowed (also reading), tests-allowed (also
    common test commands, which run what agents wrote)."""
    chosen = {
        "none": (),
        "cautious": _CLOSED,
        "readonly-allowed": (*_CLOSED, *_OPEN_READING),
        "tests-allowed": (*_CLOSED, *_OPEN_READING, *_OPEN_TESTS),
    }[name]
    return tuple(parse_rule(given, "stock") for given in chosen)
