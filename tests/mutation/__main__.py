"""``python -m tests.mutation``: at least nine of ten mutants of the central modules are noticed."""

from __future__ import annotations

import argparse
import random
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import aiohttp  # noqa: F401 - imported once here, and not in every process that is forked

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.running import survivors
from tests.mutation.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
SURVIVORS = Path(__file__).with_name("survivors.toml")
WANTED = 0.9


class Score(NamedTuple):
    """What became of the mutants of a module that matter, and how many do not."""

    module: str
    tried: int
    explained: int
    survivors: list[Mutant]

    @property
    def share(self) -> float:
        """How many were noticed."""
        return 1 - len(self.survivors) / self.tried if self.tried else 1.0


def explained() -> dict[str, set[str]]:
    """Mutants by module that change nothing that a test could see, each with its reason."""
    found: dict[str, set[str]] = {}
    for each in tomllib.loads(SURVIVORS.read_text("utf-8"))["survivor"]:
        found.setdefault(each["module"], set()).add(each["mutant"])
    return found


def judge(module: str, tests: Sequence[str], sample: int, seed: int, *, quick: bool) -> Score:
    """Run a module's tests against its mutants."""
    mutants = list(mutants_of((ROOT / module).read_text("utf-8")))
    known = explained().get(module, set())
    if gone := known - {mutant.name for mutant in mutants}:
        sys.exit(f"{SURVIVORS.name} lists mutants that {module} no longer has: {sorted(gone)}")
    relevant = [mutant for mutant in mutants if mutant.name not in known]
    left_out = len(mutants) - len(relevant)
    if sample and sample < len(relevant):
        relevant = random.Random(seed).sample(relevant, sample)  # noqa: S311 - repeatable
    found = survivors(ROOT, module, relevant, tests, thorough=not quick)
    if found is None:
        sys.exit(f"the tests of {module} fail as it is, without any change: {' '.join(tests)}")
    return Score(module, len(relevant), left_out, found)


def main() -> int:
    """Judge the modules asked for and print what survives; 1 where one falls short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="parts of the modules' paths; all by default")
    parser.add_argument("--sample", type=int, default=0, help="mutants a module; all by default")
    parser.add_argument("--seed", type=int, default=0, help="which sample")
    parser.add_argument("--quick", action="store_true", help="do not try survivors a second time")
    options = parser.parse_args()
    chosen = {
        module: tests
        for module, tests in TARGETS.items()
        if not options.modules or any(part in module for part in options.modules)
    }
    status = 0
    for module, tests in chosen.items():
        score = judge(module, tests, options.sample, options.seed, quick=options.quick)
        noticed = score.tried - len(score.survivors)
        print(
            f"{module}: {noticed} of {score.tried} mutants noticed ({score.share:.0%});"
            f" {score.explained} that change nothing were left out",
            flush=True,
        )
        for mutant in score.survivors:
            print(f"  line {mutant.line}: {mutant.name}", flush=True)
        if score.share < WANTED:
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
