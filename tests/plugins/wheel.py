"""A distribution as pip would build it, without the tools and the network that this takes: a wheel is a zip file."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path


def build_wheel(source: Path, folder: Path) -> Path:
    """The wheel of a project with one package and plain metadata."""
    project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
    name, version = project["name"].replace("-", "_"), project["version"]
    info = f"{name}-{version}.dist-info"
    files = {f"{name}/{path.name}": path.read_text("utf-8") for path in sorted((source / name).glob("*.py"))}
    files |= {
        f"{info}/METADATA": write_metadata(project),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": write_entries(project["entry-points"]),
    }
    files[f"{info}/RECORD"] = "".join(f"{path},{digest(text)}\n" for path, text in files.items()) + f"{info}/RECORD,,\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as out:
        for path, text in files.items():
            out.writestr(path, text)
    return wheel


def write_metadata(project: dict[str, object]) -> str:
    needs = "".join(f"Requires-Dist: {need}\n" for need in list(project["dependencies"]))  # type: ignore[call-overload]
    return f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n{needs}"


def write_entries(groups: dict[str, dict[str, str]]) -> str:
    """entry_points.txt."""
    sections = (
        [f"[{group}]", *(f"{name} = {value}" for name, value in group_.items())] for group, group_ in groups.items()
    )
    return "\n".join("\n".join(section) + "\n" for section in sections)


def digest(text: str) -> str:
    found = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(found).rstrip(b'=').decode()},{len(text.encode())}"


def install_wheel(wheel: Path, target: Path) -> Path:
    """Have pip put it into a folder of its own; asks no index."""
    words = ["install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target", str(target), str(wheel)]
    switches = ["--isolated", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", *switches, *words], check=True, timeout=60)
    return target


def write_plugin(
    folder: Path, package: str, modules: dict[str, str], entries: dict[str, str], version: str = "1.0"
) -> Path:
    """An installed distribution of a few lines."""
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    info = folder / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(write_entries({"callboard.integrations": entries}))
    return folder
