"""Running other programs with progress in plain words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
DATA = Path(os.environ.get("BIHUAN_DATA") or ROOT / "var").absolute()
LAST_LINES = 40
# Set-up must not depend on what else is installed for another Python. Without compiled files each of the many
# programs that a test run starts would compile Django anew.
NOT_PASSED_ON = frozenset({"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"})


class StepError(Exception):
    """A step went wrong; the message says what to do."""


def say(text: str) -> None:
    print(text, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a piece of work and say how long it took."""
    begun = time.monotonic()
    print(f"· {text} …", flush=True)
    yield
    seconds = time.monotonic() - begun
    if seconds >= 1:
        print(f"  done in {seconds:.0f} s", flush=True)


def tool(name: str) -> str:
    """The path of a program of the virtual environment."""
    return str(BIN / (f"{name}.exe" if os.name == "nt" and (BIN / f"{name}.exe").exists() else name))


def python() -> str:
    return tool("python.exe" if os.name == "nt" else "python")


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables for programs of the virtual environment, its own programs found first."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    path = f"{BIN}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, "VIRTUAL_ENV": str(VENV), "PYTHONUTF8": "1", **(more or {})}


def quietly(command: Sequence[str], *, what: str, cwd: Path = ROOT, more: Mapping[str, str] | None = None) -> str:
    """Run a program; show what it said only when it fails. Returns its output; raises StepError."""
    found = subprocess.run(
        list(command),
        cwd=cwd,
        env=environment(more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if found.returncode:
        tail = "\n".join(found.stdout.splitlines()[-LAST_LINES:])
        raise StepError(f"{what} failed ({' '.join(command[:4])} …):\n{tail}")
    return found.stdout


def openly(command: Sequence[str], *, cwd: Path = ROOT, more: Mapping[str, str] | None = None) -> int:
    """Run a program with its output on this terminal; returns its exit code."""
    found = subprocess.run(list(command), cwd=cwd, env=environment(more), stdin=subprocess.DEVNULL, check=False)
    return found.returncode


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def apt_install(package: str) -> bool:
    """Install a Debian package when that is possible here (root, apt); says whether it worked."""
    apt = shutil.which("apt-get")
    if apt is None or not is_root() or not sys.platform.startswith("linux"):
        return False
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        with step(f"Install {package} with apt-get"):
            quietly([apt, "update", "-q"], what="apt-get update", more=quiet)
            quietly([apt, "install", "-y", "-q", "--no-install-recommends", package], what=package, more=quiet)
    except StepError as error:
        say(f"  not possible: {str(error).splitlines()[-1]}")
        return False
    return True
