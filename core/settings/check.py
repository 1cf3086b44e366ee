"""What `callboard config check` looks at beyond the file itself."""

from __future__ import annotations

from collections.abc import Sequence

from core.settings.model import ProjectSettings, Settings
from core.settings.problem import Problem


def check_projects(settings: Settings) -> Sequence[Problem]:
    """A problem for each project whose folder is missing or is not a git repository. Starts no git."""
    return [
        Problem(settings.locate("projects", name, "path"), *found)
        for name, project in settings.projects.items()
        if (found := _check_folder(project))
    ]


def _check_folder(project: ProjectSettings) -> tuple[str, str] | None:
    try:
        if not project.path.is_dir():
            return f"there is no folder {project.path}.", "Correct the path, or clone the repository there."
        bare = (project.path / "HEAD").is_file() and (project.path / "objects").is_dir()
        if not bare and not (project.path / ".git").exists():
            return f"{project.path} is not a git repository.", "Name its top folder, or run git init there."
    except OSError as error:
        return f"{project.path} cannot be read ({error.strerror}).", "Make it readable for the user who runs callboard."
    return None
