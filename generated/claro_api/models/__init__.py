"""The models of the package, one module each."""

from .cell import Cell
from .cell_update import CellUpdate
from .cell_update_result import CellUpdateResult
from .column_update import ColumnUpdate
from .column_update_result import ColumnUpdateResult
from .dataset_column import DatasetColumn
from .dataset_deletion import DatasetDeletion
from .dataset_details import DatasetDetails
from .dataset_list import DatasetList
from .dataset_page import DatasetPage
from .dataset_status import DatasetStatus
from .dataset_summary import DatasetSummary
from .dataset_type import DatasetType
from .datasource_column import DatasourceColumn
from .datasource_deletion import DatasourceDeletion
from .datasource_details import DatasourceDetails
from .datasource_link import DatasourceLink
from .datasource_list import DatasourceList
from .datasource_page import DatasourcePage
from .datasource_status import DatasourceStatus
from .datasource_summary import DatasourceSummary
from .datasource_upload import DatasourceUpload
from .download_link import DownloadLink
from .download_request import DownloadRequest
from .error_body import ErrorBody
from .error_code import ErrorCode
from .error_details import ErrorDetails
from .export_format import ExportFormat
from .export_link import ExportLink
from .export_request import ExportRequest
from .json_object import JsonObject
from .link_datasource import LinkDatasource
from .pagination import Pagination
from .processing_stats import ProcessingStats
from .sort_order import SortOrder
from .task_type import TaskType
from .task_type_update import TaskTypeUpdate
from .task_type_update_result import TaskTypeUpdateResult

__all__ = (
    "Cell",
    "CellUpdate",
    "CellUpdateResult",
    "ColumnUpdate",
    "ColumnUpdateResult",
    "DatasetColumn",
    "DatasetDeletion",
    "DatasetDetails",
    "DatasetList",
    "DatasetPage",
    "DatasetStatus",
    "DatasetSummary",
    "DatasetType",
    "DatasourceColumn",
    "DatasourceDeletion",
    "DatasourceDetails",
    "DatasourceLink",
    "DatasourceList",
    "DatasourcePage",
    "DatasourceStatus",
    "DatasourceSummary",
    "DatasourceUpload",
    "DownloadLink",
    "DownloadRequest",
    "ErrorBody",
    "ErrorCode",
    "ErrorDetails",
    "ExportFormat",
    "ExportLink",
    "ExportRequest",
    "JsonObject",
    "LinkDatasource",
    "Pagination",
    "ProcessingStats",
    "SortOrder",
    "TaskType",
    "TaskTypeUpdate",
    "TaskTypeUpdateResult",
)
