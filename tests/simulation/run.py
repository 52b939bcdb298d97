"""Runs seeds: ``python -m tests.simulation.run --seeds 2000``, or ``--seed 17`` to see one.

``--scale`` prints the table of ``docs/scale.md`` instead.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.scale import lines
from tests.simulation.world import Verdict, simulate

_BATCH = 50


def main() -> int:
    """Run what the command line asks for; 1 where a seed failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="run this seed and print its trace")
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--keep-going", action="store_true", help="list all seeds that fail")
    parser.add_argument("--scale", action="store_true", help="a thousand members under one quota")
    arguments = parser.parse_args()
    if arguments.scale:
        for each in lines():
            print(each, flush=True)
        return 0
    if arguments.seed is not None:
        verdict = simulate(arguments.seed)
        print(explain(verdict))
        return 1 if verdict.violations else 0
    return _run_many(arguments)


def _run_many(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    batches = [list(seeds[at : at + _BATCH]) for at in range(0, len(seeds), _BATCH)]
    failed = 0
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for results in pool.map(run_batch, batches):
            for seed, violations in results:
                failed += 1
                print(f"seed {seed}: {violations[0]}")
            if results and not arguments.keep_going:
                pool.shutdown(cancel_futures=True)
                print(explain(simulate(results[0][0])))
                return 1
    seconds = time.monotonic() - started
    print(f"{len(seeds)} seeds, {failed} failed, {seconds:.1f} s")
    return 1 if failed else 0


def run_batch(seeds: list[int]) -> list[tuple[int, list[str]]]:
    """The seeds of a batch that fail, with what they violate."""
    verdicts = ((seed, simulate(seed).violations) for seed in seeds)
    return [(seed, violations) for seed, violations in verdicts if violations]


def explain(verdict: Verdict) -> str:
    """A run for a person: what it was, what happened, what was not kept, how to see it again."""
    seed = verdict.scenario.seed
    lines = [verdict.scenario.text(), "", verdict.trace.text(), ""]
    lines += verdict.violations or ["all promises kept"]
    lines.append(f"replay: python -m tests.simulation.run --seed {seed}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
