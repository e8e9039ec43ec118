"""The virtual environment and the built assets; each step is skipped when nothing it depends on has changed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

from devtools.shell import BIN, ROOT, VENV, StepError, python, quietly, say, step, tool

REQUIREMENTS = ROOT / "requirements"
ASSETS = ROOT / "assets"
BUILT_STAMP = ROOT / "src" / "bihuan" / "web" / "static" / "bihuan" / ".stamp"
LOCKED = REQUIREMENTS / "dev.txt"
LEAST_PYTHON = (3, 11)


def fingerprint(*files: Path) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def is_fresh(stamp: Path, value: str) -> bool:
    return stamp.is_file() and stamp.read_text(encoding="ascii") == value


def packages() -> None:
    """Make .venv hold exactly the locked packages and this project."""
    if sys.version_info < LEAST_PYTHON:
        raise StepError(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    stamp, wanted = VENV / "bihuan-stamp", fingerprint(LOCKED, REQUIREMENTS / "uv.txt", ROOT / "pyproject.toml")
    if is_fresh(stamp, wanted):
        return
    if not Path(python()).exists():
        _make_environment()
    with step("Install Python packages"):
        pip = [python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        quietly([*pip, "--require-hashes", "-r", str(REQUIREMENTS / "uv.txt")], what="Installing uv")
        quietly([tool("uv"), "pip", "sync", "--require-hashes", str(LOCKED)], what="Installing the Python packages")
        project = [tool("uv"), "pip", "install", "--no-deps", "--no-build-isolation", "--editable", "."]
        quietly(project, what="Installing this project")
    stamp.write_text(wanted, encoding="ascii")


def _make_environment() -> None:
    with step("Make a virtual environment in .venv"):
        try:
            venv.create(VENV, with_pip=True, clear=VENV.exists())
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(VENV, ignore_errors=True)
            hint = "On Debian and Ubuntu: apt-get install python3-venv"
            raise StepError(f"This Python cannot make virtual environments ({error}). {hint}") from error


def npm_install(folder: Path, what: str) -> None:
    """`npm ci` in a folder, with the Node of the virtual environment."""
    stamp = folder / "node_modules" / ".bihuan-stamp"
    wanted = fingerprint(folder / "package-lock.json", folder / ".npmrc")
    if is_fresh(stamp, wanted):
        return
    with step(f"Install {what}"):
        quietly([tool("npm"), "ci", "--no-progress"], what=f"npm ci for {what}", cwd=folder)
    stamp.write_text(wanted, encoding="ascii")


def assets() -> None:
    """Bundle scripts, styles and icons into the package's static folder."""
    npm_install(ASSETS, "JavaScript packages")
    said = quietly([tool("node"), "build.mjs"], what="Building scripts and styles", cwd=ASSETS).strip()
    if said != "unchanged":
        say(f"· Build scripts and styles: {said}")


def collect_static(variables: Mapping[str, str]) -> None:
    """Gather, name by content and compress what pages fetch, into the data folder; skipped when nothing changed."""
    target = Path(variables["BIHUAN_DATA"]) / "static"
    stamp, wanted = target / ".bihuan-stamp", fingerprint(BUILT_STAMP, LOCKED)
    if is_fresh(stamp, wanted):
        return
    with step("Collect static files"):
        command = [python(), "-m", "django", "collectstatic", "--no-input", "--clear", "-v", "0"]
        quietly(command, what="collectstatic", more=variables)
    stamp.write_text(wanted, encoding="ascii")


def lock(*, upgrade: bool) -> None:
    """Write requirements/*.txt from requirements/*.in, for all platforms, with hashes and without package indexes."""
    common = [
        tool("uv"), "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-emit-index-url",
        "--no-annotate", "--no-header", "--python-version", "3.11", *(["--upgrade"] if upgrade else []),
    ]  # fmt: skip
    for name, limits in (("uv", []), ("dev", []), ("base", ["-c", str(LOCKED)]), ("postgres", [])):
        with step(f"Lock requirements/{name}.in"):
            source, locked = REQUIREMENTS / f"{name}.in", REQUIREMENTS / f"{name}.txt"
            quietly([*common, *limits, str(source), "-o", str(locked)], what=f"Locking {name}")


def everything() -> None:
    packages()
    assets()
    if not (BIN / "bihuan").exists() and not (BIN / "bihuan.exe").exists():
        raise StepError("The bihuan command is missing from .venv; remove the folder and run this again.")
