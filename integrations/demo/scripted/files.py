"""What the demo agent writes, made from the folder and the words. Writing it twice changes nothing."""

from __future__ import annotations

import os

CONTRIBUTING = """# Contributing

Thank you for helping. This guide was written by the demo agent (scripted, no model) from what is in the folder.

## Before you start

- Read the code first: {files}.
- Open an issue for anything larger than a small fix, so that nobody does the work twice.

## Making a change

1. Make a branch from the main branch.
2. Change one thing at a time, and add a test that fails without your change.
3. Run the tests: `{tests}`.
4. Write a commit message that says what changes and why.

## Review

Somebody else reads every change before it is merged. Be kind, and say what you tried.
"""
README = """# {title}

Written by the demo agent (scripted, no model).

What is here: {files}.

Run the tests with `{tests}`.
"""
CHANGELOG = """# Changelog

## Unreleased

- {task}
"""
OTHER = """# {title}

Written by the demo agent (scripted, no model).

{task}
"""
TEMPLATES = {"CONTRIBUTING.md": CONTRIBUTING, "README.md": README, "CHANGELOG.md": CHANGELOG}
COMMENTS = {".py": "# ", ".sh": "# ", ".toml": "# ", ".yaml": "# ", ".yml": "# ", ".js": "// ", ".ts": "// "}
MISTAKES = (("Counter(text.split())", "Counter(text.lower().split())"),)


def list_folder(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(name for name in names if not name.startswith(".") and name != "__pycache__")


def name_tests(folder: str) -> str:
    """The command for the tests; by itself unittest does not look into a folder that is no package."""
    apart = os.path.isdir(os.path.join(folder, "tests")) and not os.path.exists(
        os.path.join(folder, "tests/__init__.py")
    )
    return "python3 -m unittest discover tests" if apart else "python3 -m unittest"


def compose_text(name: str, task: str, folder: str) -> str:
    """The text for a file, from the words of the task and the names in the folder. The file itself is not listed."""
    listed = ", ".join(f"`{other}`" for other in list_folder(folder) if other != name)
    title = os.path.splitext(os.path.basename(name))[0].replace("_", " ").replace("-", " ").capitalize()
    template = TEMPLATES.get(os.path.basename(name), OTHER)
    words = {"title": title, "task": " ".join(task.split()), "files": listed or "nothing yet"}
    return template.format(**words, tests=name_tests(folder))


def join_texts(old: str, new: str) -> str:
    """Add to what is there, once."""
    if new in old:
        return old
    gap = "" if not old.strip() else "\n\n" if new.startswith("# ") and new.count("\n") > 1 else "\n"
    return f"{old.rstrip()}{gap}{new}"


def comment_line(name: str, line: str) -> str:
    return f"{COMMENTS.get(os.path.splitext(name)[1], '')}{line}\n"


def find_bug(folder: str) -> tuple[str, str] | None:
    """The first Python file that holds a known mistake, with its text made right."""
    for name in list_folder(folder):
        if name.endswith(".py") and not name.startswith("test"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text = file.read()
            fixed = correct_text(text)
            if fixed != text:
                return name, fixed
    return None


def correct_text(text: str) -> str:
    for wrong, right in MISTAKES:
        text = text.replace(wrong, right)
    return text
