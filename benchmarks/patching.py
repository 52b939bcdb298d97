"""What one PATCH of a cell costs the client, with 64 of them in flight."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Bench, Figure, Job, server

ROOT = Path(__file__).resolve().parents[1]
REQUESTS = 8000
SLOW_REQUESTS = 800  # for contenders that cost some fifty times as much
TARGETS = {"tuned": 0.50, "gathered": 0.45, "httpx": 1 / 50, "generated": 1 / 50}
ORDINARY_TARGET = 1.10
LABELS = {
    "tuned": "aiohttp tuned by hand",
    "gathered": "aiohttp, gather + Semaphore",
    "httpx": "httpx, gather + Semaphore",
    "generated": "default generated client",
}


def generate_default_client(folder: Path) -> dict[str, str]:
    """Let openapi-python-client write its default client from our description into a folder."""
    client = folder / "default_client"
    command = [
        *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
        *("--path", str(ROOT / "openapi" / "claro.yaml"), "--output-path", str(client)),
    ]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    (endpoint,) = client.glob("api/*/update_cell.py")
    module = ".".join(endpoint.relative_to(folder).with_suffix("").parts)
    return {"folder": str(folder), "package": client.name, "endpoint": module}


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare CPU for one request with every other way to send it."""
    generated = generate_default_client(bench.scratch)
    fast, slow = bench.amount(REQUESTS), bench.amount(SLOW_REQUESTS)
    with server() as url:
        jobs = {
            "claro": Job("claro", url, fast, 500),
            "ordinary": Job("claro", url, fast, 500, arguments={"lane": "off"}),
            "tuned": Job("tuned", url, fast, 500),
            "gathered": Job("gathered", url, fast, 500),
            "httpx": Job("httpx_gathered", url, slow, 100),
            "generated": Job("generated_default", url, slow, 100, arguments=generated),
        }
        series = bench.run(jobs, bench.rounds(9))
    for name in jobs:
        bench.note(f"CPU a PATCH, {name}: {series.cpu_each(name) * 1e6:.1f} us")
    for name, target in TARGETS.items():
        ratio = series.cpu_ratio("claro", name)
        yield Figure.of_ratio(f"PATCH, CPU / {LABELS[name]}", ratio, target)
    ratio = series.cpu_ratio("ordinary", "tuned")
    name = f"PATCH without the lane, CPU / {LABELS['tuned']}"
    yield Figure.of_ratio(name, ratio, ORDINARY_TARGET)
