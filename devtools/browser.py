"""A Chromium and a Chinese face for browser tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from devtools.setup import npm_install
from devtools.shell import DATA, ROOT, StepError, apt_install, quietly, step, tool

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FONT = ROOT / "devtools" / "font"
PORTABLE = ROOT / "devtools" / "chromium"
FONT_CONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<dir>{fonts}</dir>
<cachedir>{cache}</cachedir>
<alias><family>sans-serif</family><prefer><family>Noto Sans SC</family></prefer></alias>
</fontconfig>
"""


def browser() -> dict[str, str]:
    """The variables by which tests find the browser (CHROMIUM) and its fonts (FONTCONFIG_FILE)."""
    found = {"CHROMIUM": os.environ.get("CHROMIUM") or chromium()}
    if not os.environ.get("FONTCONFIG_FILE") and os.name != "nt":
        found["FONTCONFIG_FILE"] = str(_fonts())
    return found


def chromium() -> str:
    """The path of a Chromium: installed, installed now, or the portable one."""
    found = _installed()
    if found is None and apt_install("chromium"):
        found = _installed()
    return found or _portable()


def _installed() -> str | None:
    places = ["/usr/bin/chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"]
    found = next((place for place in places if Path(place).exists()), None)
    return found or next((path for name in NAMES if (path := shutil.which(name))), None)


def _portable() -> str:
    npm_install(PORTABLE, "a portable Chromium")
    script = "import c from '@sparticuz/chromium'; console.log(await c.executablePath())"
    with step("Unpack Chromium"):
        said = quietly([tool("node"), "--input-type=module", "-e", script], what="Chromium", cwd=PORTABLE)
    path = said.strip().splitlines()[-1] if said.strip() else ""
    if not Path(path).exists():
        raise StepError("No Chromium here. Install one and set CHROMIUM to its path.")
    return path


def _fonts() -> Path:
    npm_install(FONT, "a Chinese font for the browser tests")
    folder = DATA / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "fonts.conf"
    config.write_text(FONT_CONFIG.format(fonts=FONT / "node_modules", cache=folder / "cache"), encoding="utf-8")
    return config
