"""What may be sent again after what; pure, and the only place where that is decided.

An attempt ends in one of four ways: with a success, with a refusal (nothing was applied), unsent
(nothing was applied), or in doubt (it may have been applied: a timeout, a reset, a 5xx after
sending). Refused by the rate limit or unsent, any request may go again. In doubt, that depends on
what a second send would do, which is what the tables here say.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async import errors


class Repeat(Enum):
    """What a second send of a request that may have been applied would do."""

    READS = "changes nothing"
    CONVERGES = "ends in the same state"
    DELETES = "finds nothing left to delete"
    DAMAGES = "does the change a second time"


CLARO_REPEATS: Mapping[str, Repeat] = {
    "listDatasets": Repeat.READS,
    "getDataset": Repeat.READS,
    "getDatasetData": Repeat.READS,
    "exportDataset": Repeat.READS,
    "listDatasources": Repeat.READS,
    "getDatasource": Repeat.READS,
    "getDatasourceData": Repeat.READS,
    "createDatasourceDownload": Repeat.READS,
    "updateCell": Repeat.CONVERGES,
    "updateColumn": Repeat.CONVERGES,
    "linkDatasource": Repeat.CONVERGES,
    "deleteDataset": Repeat.DELETES,
    "deleteDatasource": Repeat.DELETES,
    # resets every value of the column: a second one would wipe what was written since
    "updateColumnTaskType": Repeat.DAMAGES,
    # makes a data source each time
    "uploadDatasource": Repeat.DAMAGES,
}
"""By operation id, for every documented operation of the Claro API v2."""

COMMUNICATIONS_MINING_REPEATS: Mapping[str, Repeat] = {
    "listAllDatasets": Repeat.READS,
    "listProjectDatasets": Repeat.READS,
    "getProjectDataset": Repeat.READS,
    "getModelTags": Repeat.READS,
    "exportDataset": Repeat.READS,
    "updateDataset": Repeat.CONVERGES,
    "deleteDataset": Repeat.DELETES,
    # what a PUT does to a dataset that is there already is not documented: it is read back instead
    "createDataset": Repeat.DAMAGES,
}
"""By operation id, for every documented operation of the Communications Mining API v1."""

# Refusals that the same request would have met before, too; others (a lock, a revoked key) may be
# new.
_SETTLING_STATUSES = frozenset({400, 404, 405, 406, 410, 411, 413, 414, 415, 422})


def of_method(method: str) -> Repeat:
    """For a request outside the documented operations: only reads are known to be harmless."""
    return Repeat.READS if method in {"GET", "HEAD", "OPTIONS"} else Repeat.DAMAGES


def settles(error: errors.APIStatusError) -> bool:
    """Whether a refusal also says that earlier attempts in doubt were not applied."""
    return error.status in _SETTLING_STATUSES
