"""Makes the pictures of docs/_pictures: ``python3 noxfile.py -s pictures``.

The HTML report of a bulk run is drawn by a headless Chromium, where there is one. The terminal is
recorded from a command that runs in a pseudo-terminal. Both are of runs against the emulator.
"""

from __future__ import annotations

import asyncio
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from claro_async import ClaroClient
from claro_async.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PICTURES = Path(__file__).parent / "_pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
ROWS = 1_500
LIMIT = 600  # requests a period
PERIOD = 3.0  # seconds
CLEAR = "\r\x1b[2K"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WIDTH = 132  # characters
TERMINAL = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
  <style>
    .{unique_id}-matrix {{
      font-family: DejaVu Sans Mono, Menlo, Consolas, monospace;
      font-size: {char_height}px; line-height: {line_height}px;
      font-variant-east-asian: full-width;
    }}
    {styles}
  </style>
  <defs>
    <clipPath id="{unique_id}-clip-terminal">
      <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
    </clipPath>
    {lines}
  </defs>
  {chrome}
  <g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
    {backgrounds}
    <g class="{unique_id}-matrix">{matrix}</g>
  </g>
</svg>
"""
"""rich's own template without its fonts, which come from another host."""


async def write_report(page: Path) -> None:
    """Run a bulk update that meets throttling, faults and cells that are not there."""
    async with Emulator(rate_limit=LIMIT, rate_window=PERIOD, sample_world=False) as emulator:
        rows = [[f"Widget {number}"] for number in range(ROWS)]
        dataset_id = emulator.add_dataset("Products", ["name"], rows)
        emulator.faults.add("updateCell", "status", probability=0.02)
        emulator.faults.add("updateCell", "slow", probability=0.05, delay=0.2)
        edits = [(cell, f"Gadget {cell}") for cell in emulator.cell_ids(dataset_id)]
        edits += [(f"cell_{ROWS + number}_1", "Widget") for number in range(1, 13)]
        async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
            report = await claro.dataset(dataset_id).update_cells(edits, skip_unchanged=False)
    report.write_html(page)


def photograph(page: Path, picture: Path, size: tuple[int, int]) -> None:
    """Draw a page by a headless browser, or say that there is none."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"no Chromium: {picture.name} is left as it is")
        return
    with tempfile.TemporaryDirectory() as profile:
        options = (f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}")
        command = [browser, *QUIET, *options, f"--screenshot={picture}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


def recorded(command: list[str], environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Run a command in a pseudo-terminal and yield what it writes, as it comes."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([master], [], [], 0.5)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            written = os.read(master, 65_536)
        except OSError:  # the end of a pseudo-terminal on Linux
            break
        yield written.decode("utf-8", "replace")
    process.wait(timeout=10)
    os.close(master)


def terminal(picture: Path) -> None:
    """Record a command that sets 1,500 cells while it runs, with its progress."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(rate_limit=LIMIT, rate_window=PERIOD, sample_world=False) as emulator,
    ):
        dataset_id = emulator.add_dataset("Products", ["name"], [["Widget"]] * ROWS)
        cells = emulator.cell_ids(dataset_id)
        lines = ["cell_id,value", *(f"{cell_id},Gadget" for cell_id in cells)]
        Path(folder, "edits.csv").write_text("\n".join(lines), "utf-8")
        arguments = ["cells", "set", dataset_id, "--from", "edits.csv", "--journal", "run.claro"]
        environment = os.environ | {
            "CLARO_API_KEY": emulator.api_key,
            "CLARO_BASE_URL": emulator.base_url,
            "COLUMNS": "132",
            "TERM": "xterm-256color",
        }
        command = [sys.executable, "-m", "claro_async", *arguments]
        written = "".join(recorded(command, environment, Path(folder)))
    draw(f"$ claro {' '.join(arguments)}\n{middle_of(written)}", picture)


def middle_of(written: str) -> str:
    """Return the lines as they stood within a pause of the quota."""
    said, *frames = written.split(CLEAR)
    paused = [frame for frame in frames if "quota pause" in frame and "\n" not in frame.strip()]
    before = [frame for frame in (said, *frames) if frame.strip().endswith(".claro")]
    return (
        re.sub(ESCAPES, "", "".join(before) + paused[len(paused) * 3 // 5])
        .replace("\r", "")
        .strip()
    )


def draw(text: str, picture: Path) -> None:
    """Write lines as the picture of a terminal."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere)
        console.print(Text(text))
        console.save_svg(str(picture), title="claro", code_format=TERMINAL)


def main() -> None:
    """Make all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "run.html")
        asyncio.run(write_report(page))
        photograph(page, PICTURES / "report.png", (1000, 1250))
    terminal(PICTURES / "terminal.svg")


if __name__ == "__main__":
    main()
