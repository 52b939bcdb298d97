"""The data source that Spark finds under the name ``claro``."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from pyspark.sql.datasource import DataSource

from claro_async.connectors.spark.options import api_of, read_options, write_options
from claro_async.errors import ConfigurationError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    from claro_async.connectors.spark.mining import MiningReader
    from claro_async.connectors.spark.reading import ClaroReader
    from claro_async.connectors.spark.writing import ClaroWriter


def register(spark: SparkSession) -> None:
    """Make the format ``claro`` known to a session."""
    spark.dataSource.register(ClaroDataSource)


class ClaroDataSource(DataSource):
    """Datasets of Claro: ``format("claro")``; ``docs/spark.md`` has the options."""

    @classmethod
    def name(cls) -> str:
        """The name of the format."""
        return "claro"

    def schema(self) -> StructType:
        """The columns of the dataset, from one request; those of comments, from none.

        Raises:
            ConfigurationError: An option is missing or cannot work.
            ClaroError: The dataset cannot be read.
        """
        if api_of(self.options) == "mining":
            from claro_async.connectors.spark.mining import comment_schema  # noqa: PLC0415 - to read
            from claro_async.connectors.spark.mining_options import (  # noqa: PLC0415 - as above
                mining_options,
            )

            return comment_schema(mining_options(self.options))
        from claro_async.connectors.spark.reading import find_schema  # noqa: PLC0415 - to read

        return find_schema(read_options(self.options))

    def reader(self, schema: StructType) -> ClaroReader | MiningReader:
        """What reads the dataset.

        Raises:
            ConfigurationError: An option is missing or cannot work.
        """
        if api_of(self.options) == "mining":
            from claro_async.connectors.spark.mining import MiningReader  # noqa: PLC0415 - to read
            from claro_async.connectors.spark.mining_options import (  # noqa: PLC0415 - as above
                mining_options,
            )

            return MiningReader(mining_options(self.options))
        from claro_async.connectors.spark.reading import ClaroReader  # noqa: PLC0415 - to read

        return ClaroReader(read_options(self.options), schema)

    def writer(self, schema: StructType, overwrite: bool) -> ClaroWriter:  # noqa: FBT001 - Spark's
        """What writes to the dataset.

        Raises:
            ConfigurationError: An option is missing or cannot work, the mode is not ``append``, or
                the data frame has other columns than a write needs.
            ClaroError: The dataset cannot be read.
        """
        from claro_async.connectors.spark.writing import ClaroWriter  # noqa: PLC0415 - to write

        if overwrite:
            raise ConfigurationError(
                "a dataset cannot be overwritten: the API edits cells and replaces no rows; use"
                " mode('append')"
            )
        options = write_options(self.options, new_run=lambda: uuid.uuid4().hex)
        return ClaroWriter.begin(options, schema.names)
