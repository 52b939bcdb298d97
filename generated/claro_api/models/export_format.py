"""The enum ``ExportFormat``."""

from ..open_enum import OpenEnum


class ExportFormat(OpenEnum):
    """Format of an export ("Manage Dataset", section "Query Parameters", "Export Dataset")."""

    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"
