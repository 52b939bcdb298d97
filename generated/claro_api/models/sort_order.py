"""The enum ``SortOrder``."""

from ..open_enum import OpenEnum


class SortOrder(OpenEnum):
    """Direction of a sort ("Manage Data Source", section "Query Parameters", "Get Data Source
    Data")."""

    ASC = "asc"
    DESC = "desc"
