"""How far resident memory grows while a generator's edits are sent."""

from collections.abc import Iterator

from benchmarks.harness import Bench, Figure, Job, server

EDITS = 200_000
TARGET_MIB = 10
MIB = 1 << 20


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare the growth of the peak with a task for each edit."""
    amount = bench.amount(EDITS)
    with server() as url:
        jobs = {
            "claro": Job("claro", url, amount, 2000),
            "gathered": Job("gathered", url, amount, 2000),
        }
        series = bench.run(jobs, 1)
    for name in jobs:
        growth = series.peak_growth(name) / MIB
        bench.note(f"growth of peak RSS over {amount} edits, {name}: {growth:.1f} MiB")
    grown = series.peak_growth("claro") / MIB
    name = f"{amount} edits, growth of peak RSS"
    yield Figure(name, grown, "MiB", f"under {TARGET_MIB}", met=grown < TARGET_MIB)
