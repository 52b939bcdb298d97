"""Datasets as a data source of Spark: ``spark.read.format("claro")``, ``df.write.format("claro")``.

It needs the extra ``claro-async[spark]`` on the driver and on the executors. One call makes it
known to a session:

.. code-block:: python

    from claro_async.connectors.spark import register

    register(spark)
    people = spark.read.format("claro").option("dataset", "d7e0").load()
    (
        corrections.write.format("claro")
        .mode("append")
        .option("dataset", "d7e0")
        .option("quota", "redis://host/0")
        .option("receipts", "s3://bucket/claro")
        .option("run", "corrections-2026-11-27")
        .save()
    )

``option("api", "mining")`` reads comments of Communications Mining. ``docs/spark.md`` is the guide.

What a task writes stands in *receipts*: files, on a file system
that all tasks reach, which say what was about to be sent and what became of it. By them a run that
is repeated sends nothing twice, and :func:`revert_run` sets it back.
"""

from __future__ import annotations

from claro_async.connectors.spark.runs import read_receipts, revert_run, run_report
from claro_async.connectors.spark.source import ClaroDataSource, register

__all__ = ["ClaroDataSource", "read_receipts", "register", "revert_run", "run_report"]
