"""Makes the pictures of docs/_pictures: ``python3 noxfile.py -s pictures``.

The HTML report of a bulk run against the emulator is drawn by a headless Chromium, where there is
one.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from pathlib import Path

from claro_async import ClaroClient
from claro_async.emulator import Emulator

PICTURES = Path(__file__).parent / "_pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
ROWS = 1_500
LIMIT = 600  # requests a period
PERIOD = 2.0  # seconds


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


def main() -> None:
    """Make all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "run.html")
        asyncio.run(write_report(page))
        photograph(page, PICTURES / "report.png", (1000, 1250))


if __name__ == "__main__":
    main()
