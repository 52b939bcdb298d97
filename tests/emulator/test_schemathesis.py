"""schemathesis runs the emulator against the specification.

Whatever is sent, the emulator answers with the statuses, headers and bodies that are specified,
refuses what is not allowed, and lets nobody in without the key.
"""

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

SPECIFICATION = Path(__file__).parents[2] / "openapi" / "claro.yaml"
IDS = {
    "datasetId": "550e8400-e29b-41d4-a716-446655440000",
    "datasourceId": "550e8400-e29b-41d4-a716-446655440000",
    "cellId": "cell_2_1",
    "columnId": "col_2",
}
schema = schemathesis.openapi.from_path(SPECIFICATION)
load_all_checks()


@schema.auth()
class Key:
    """The emulator's key, which schemathesis leaves out where it tests that it is needed."""

    def get(self, _case: schemathesis.Case[Any], _context: schemathesis.AuthContext) -> str:
        """Tell the key."""
        return "emulator-key"

    def set(
        self, case: schemathesis.Case[Any], data: str, _context: schemathesis.AuthContext
    ) -> None:
        """Put the key in a request."""
        case.headers["Authorization"] = f"Bearer {data}"


# A value that the schema allows may still name nothing that there is, or break a rule that a schema
# cannot say (a filter's grammar, an unknown column), so acceptance is not to be expected.
UNFIT = positive_data_acceptance


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """One emulator for all operations."""
    with Emulator() as emulator:
        yield emulator


@schema.parametrize()
@settings(
    max_examples=60,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_emulator_keeps_to_the_specification(
    case: schemathesis.Case[Any], server: Emulator
) -> None:
    """Any request, good or bad, to any operation gets an answer that the specification allows."""
    if case.method != "DELETE" and case.meta and case.meta.generation.mode.is_positive:
        case.path_parameters = {name: IDS[name] for name in case.path_parameters or {}}
    case.call_and_validate(base_url=server.base_url, excluded_checks=[UNFIT])
