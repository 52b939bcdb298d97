"""A real Spark cluster of two executors, a real Redis, and the emulator, for all cases."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from claro_async.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

KEY = "emulator-key"


def start_cluster(name: str, executors: int = 2) -> SparkSession:
    """A session on executors of one core each, with the data source made known to it."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - needs the extra

    from claro_async.connectors.spark import register  # noqa: PLC0415 - needs the extra

    # without it, workers take the system's Python
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["CLARO_API_KEY"] = KEY
    builder = SparkSession.builder.master(f"local-cluster[{executors},1,1024]").appName(name)
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
    }
    for setting, value in settings.items():
        builder = builder.config(setting, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    register(spark)
    return spark


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The session of all cases."""
    if shutil.which("java") is None:
        pytest.skip("the program java is not installed")
    session = start_cluster("claro-async tests")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis of the tests' own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("the program redis-server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [
        program,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    assert server.stdout is not None
    while "Ready to accept connections" not in (line := server.stdout.readline()):
        assert line, "redis-server has ended"
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.communicate()


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator in a thread of its own, that holds nothing."""
    with Emulator(sample_world=False, api_key=KEY) as running:
        yield running


def executors() -> list[int]:
    """The processes of the cluster's executors, by the folder of processes."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                command = (each / "cmdline").read_bytes()
                parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if b"CoarseGrainedExecutorBackend" in command and _is_ours(parent):
                found.append(int(each.name))
    return sorted(found)


def _is_ours(process: int) -> bool:
    """Whether a process descends from this one."""
    while process > 1:
        if process == os.getpid():
            return True
        try:
            stat = Path("/proc", str(process), "stat").read_text()
        except OSError:
            return False
        process = int(stat.rpartition(")")[2].split()[1])
    return False


def kill(process: int) -> None:
    """End a process at once, as a machine that fails would."""
    os.kill(process, signal.SIGKILL)
