"""schemathesis runs the emulator against the specifications of both APIs.

Whatever is sent, the emulator answers with the statuses, headers and bodies that are specified,
refuses what is not allowed, and lets nobody in without the key.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from claro_async.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SPECIFICATIONS = Path(__file__).parents[2] / "openapi"
load_all_checks()

# A value that the schema allows may still name nothing that there is, or break a rule that a schema
# cannot say (a filter's grammar, an unknown column, a continuation that nobody gave), so acceptance
# is not to be expected.
UNFIT = positive_data_acceptance


@attrs.frozen(kw_only=True)
class Api:
    """One of the two APIs.

    Attributes:
        specification: Name of its file.
        key: The emulator's key for it.
        names: Path parameters that name something in the sample world.
        base_url: Where the emulator serves it.
        examples: How many requests an operation.
    """

    specification: str
    key: str
    names: Mapping[str, str]
    base_url: Callable[[Emulator], str]
    examples: int


CLARO = Api(
    specification="claro.yaml",
    key="emulator-key",
    names={
        "datasetId": "550e8400-e29b-41d4-a716-446655440000",
        "datasourceId": "550e8400-e29b-41d4-a716-446655440000",
        "cellId": "cell_2_1",
        "columnId": "col_2",
    },
    base_url=lambda emulator: emulator.base_url,
    examples=60,
)
COMMUNICATIONS_MINING = Api(
    specification="communications_mining.yaml",
    key="emulator-mining-token",
    names={"project": "project", "dataset": "example"},
    base_url=lambda emulator: emulator.mining_base_url,
    examples=40,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """One emulator for all operations of both APIs."""
    with Emulator() as emulator:
        yield emulator


def conformance(api: Api) -> Any:
    """The test of an API, for each of its operations."""
    schema = schemathesis.openapi.from_path(SPECIFICATIONS / api.specification)

    @schema.auth()
    class Key:
        """The emulator's key, which schemathesis leaves out where it tests that it is needed."""

        def get(self, _case: schemathesis.Case[Any], _context: schemathesis.AuthContext) -> str:
            """Give the key."""
            return api.key

        def set(
            self, case: schemathesis.Case[Any], data: str, _context: schemathesis.AuthContext
        ) -> None:
            """Put the key in a request."""
            case.headers["Authorization"] = f"Bearer {data}"

    @schema.parametrize()
    @settings(
        max_examples=api.examples,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def test(case: schemathesis.Case[Any], server: Emulator) -> None:
        """Any request, good or bad, to any operation gets an answer that is specified."""
        if case.method != "DELETE" and case.meta and case.meta.generation.mode.is_positive:
            case.path_parameters = {name: api.names[name] for name in case.path_parameters or {}}
        case.call_and_validate(base_url=api.base_url(server), excluded_checks=[UNFIT])

    return test


test_the_emulator_keeps_to_claro = conformance(CLARO)
test_the_emulator_keeps_to_communications_mining = conformance(COMMUNICATIONS_MINING)
