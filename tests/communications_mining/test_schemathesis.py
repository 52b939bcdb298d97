"""schemathesis runs the Communications Mining part against its specification."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from claro_async.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

SPECIFICATION = Path(__file__).parents[2] / "openapi" / "communications_mining.yaml"
NAMES = {"project": "project", "dataset": "example"}
schema = schemathesis.openapi.from_path(SPECIFICATION)
load_all_checks()


@schema.auth()
class Token:
    """The emulator's token, which schemathesis leaves out where it tests that it is needed."""

    def get(self, _case: schemathesis.Case[Any], _context: schemathesis.AuthContext) -> str:
        """Tell the token."""
        return "emulator-mining-token"

    def set(
        self, case: schemathesis.Case[Any], data: str, _context: schemathesis.AuthContext
    ) -> None:
        """Put the token in a request."""
        case.headers["Authorization"] = f"Bearer {data}"


# A value that the schema allows may still name nothing that there is, or be a continuation that
# nobody gave, so acceptance is not to be expected.
UNFIT = positive_data_acceptance


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """One emulator for all operations."""
    with Emulator() as emulator:
        yield emulator


@schema.parametrize()
@settings(
    max_examples=40,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_emulator_keeps_to_the_specification(
    case: schemathesis.Case[Any], server: Emulator
) -> None:
    """Any request, good or bad, to any operation gets an answer that the specification allows."""
    if case.method != "DELETE" and case.meta and case.meta.generation.mode.is_positive:
        case.path_parameters = {name: NAMES[name] for name in case.path_parameters or {}}
    case.call_and_validate(base_url=server.mining_base_url, excluded_checks=[UNFIT])
