"""What the built distributions hold; `nox -s tests` runs these against the installed wheel."""

import importlib.util
import io
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

import claro_async
from claro_async._version import __version__
from tests.packaging.conftest import PACKAGES, ROOT, source_files

installed_wheel = pytest.mark.skipif(
    os.environ.get("CLARO_ASYNC_TESTS") != "wheel",
    reason="the package is not installed from its wheel: run through `nox -s tests`",
)


def build(kind: str, source: Path, target: Path) -> Path:
    """Build one distribution of a source tree with the declared backend; return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(  # noqa: S603  # fixed words and paths of the test
        command, cwd=source, check=True, capture_output=True
    )
    (path,) = target.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel built from the checkout, in memory."""
    path = build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))
    return zipfile.ZipFile(io.BytesIO(path.read_bytes()))


@pytest.fixture(scope="module")
def headers(wheel: zipfile.ZipFile) -> Message:
    """The core metadata of the built wheel."""
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return HeaderParser().parsestr(wheel.read(name).decode())


@pytest.fixture
def hook() -> ModuleType:
    """What the build runs of the repository."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packaged(wheel: zipfile.ZipFile) -> set[str]:
    """Return the files of a wheel that are not its metadata."""
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


def test_wheel_holds_the_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Every file of the packages is in the wheel, with data and markers, and no other file is."""
    assert packaged(wheel) == source_files()


def test_wheel_brings_one_top_level_package(wheel: zipfile.ZipFile) -> None:
    """Beside the metadata, the wheel takes one name of everybody's site-packages."""
    assert {name.partition("/")[0] for name in packaged(wheel)} == {"claro_async"}


@pytest.fixture
def unpacked(wheel: zipfile.ZipFile, tmp_path: Path) -> Path:
    """A folder with what the wheel holds, as in site-packages."""
    wheel.extractall(tmp_path)  # noqa: S202 - the test has built it
    return tmp_path


@pytest.mark.parametrize("core", ["claro_api", "communications_mining_api"])
def test_cores_come_from_inside_the_wheel(unpacked: Path, core: str) -> None:
    """A folder `generated` beside the installed package, whoever put it there, is not looked at."""
    (unpacked / "generated" / core).mkdir(parents=True)
    (unpacked / "generated" / core / "__init__.py").write_text("raise RuntimeError\n")
    code = (
        f"from claro_async import _generated; from claro_async._generated.{core} import operations;"
        "print(len(_generated.__path__), operations.__file__)"
    )
    done = subprocess.run(  # noqa: S603  # fixed words
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"PYTHONPATH": str(unpacked)},
        cwd=unpacked,
        check=True,
        capture_output=True,
        text=True,
    )
    where = unpacked / "claro_async" / "_generated" / core / "operations.py"
    assert done.stdout.split() == ["1", str(where)]


def test_every_generated_module_has_its_stub() -> None:
    """Type checkers find each generated module of the repository under the name that it runs by."""
    for core in (ROOT / "generated").glob("*_api"):
        found = {path.stem for path in core.glob("*.py")} | {"models"}
        stubs = ROOT / "claro_async" / "_generated" / core.name
        assert {path.stem for path in stubs.glob("*.pyi")} == found
        for name in found - {"__init__"}:
            text = f"from generated.{core.name}.{name} import *\n"
            assert (stubs / f"{name}.pyi").read_text("utf-8") == text


def test_wheel_is_typed(wheel: zipfile.ZipFile) -> None:
    """Each package carries `py.typed`, so that users' type checkers read its annotations."""
    assert {f"{name}/py.typed" for name in PACKAGES} <= packaged(wheel)


def test_wheel_carries_its_licence(wheel: zipfile.ZipFile, headers: Message) -> None:
    """The licence is named in the metadata and its text is in the wheel."""
    assert headers["License-Expression"] == "MIT"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel.namelist())


def test_metadata_matches_the_source(headers: Message) -> None:
    """Version and Python floor come from where they are maintained."""
    assert headers["Version"] == __version__
    assert headers["Requires-Python"] == ">=3.11"
    assert headers["Description-Content-Type"] == "text/markdown"


LINKS = re.compile(r"\[[^\]]+\]\(([^)]+)\)")
README = (ROOT / "README.md").read_text("utf-8")


def test_description_has_no_links_into_the_repository(headers: Message) -> None:
    """On a package index the README's links to files are the names of files that are there."""
    text = str(headers.get_payload())
    assert all(link.startswith("https://") for link in LINKS.findall(text))
    files = {link for link in LINKS.findall(README) if not link.startswith("https://")}
    assert len(files) > 10
    assert all((ROOT / file).is_file() and f"(`{file}`)" in text for file in files)


def test_description_links_to_the_source_where_that_is_public(hook: ModuleType) -> None:
    """With a `Source` among the URLs, the links lead to the files of the version that is built."""
    text = "[a](docs/a.md), [b](https://b.example/c) and [d](#more)"
    assert hook.description(text, "1.2", "https://code.example/claro/") == (
        "[a](https://code.example/claro/blob/v1.2/docs/a.md), [b](https://b.example/c)"
        " and [d](#more)"
    )


def test_every_url_of_the_metadata_is_one_of_the_documents(headers: Message) -> None:
    """The project names no home before it has one: its URLs are those that the documents give."""
    urls = [line.partition(", ")[2] for line in headers.get_all("Project-URL", [])]
    assert urls
    specification = (ROOT / "openapi" / "claro.yaml").read_text("utf-8")
    assert all(url in specification for url in urls)


def test_core_requirements_stay_few(headers: Message) -> None:
    """Without extras the package asks for four others, and none of them is for the emulator."""
    requirements = headers.get_all("Requires-Dist", [])
    core = {re.split(r"[^A-Za-z0-9-]", line)[0] for line in requirements if "extra ==" not in line}
    assert core == {"aiohttp", "attrs", "cattrs", "msgspec"}


def test_sdist_builds_the_same_wheel(
    wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The wheel built from the source archive has the same files with the same bytes."""
    archive = build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as opened:
        opened.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    rebuilt = zipfile.ZipFile(build("wheel", source, tmp_path_factory.mktemp("rebuilt")))
    assert packaged(rebuilt) == packaged(wheel)
    assert all(rebuilt.read(name) == wheel.read(name) for name in packaged(wheel))


@installed_wheel
def test_tests_import_the_installed_package() -> None:
    """The package under test is the one in site-packages, not the checkout."""
    location = Path(claro_async.__file__).resolve()
    assert "site-packages" in location.parts
    assert location.is_relative_to(Path(sys.prefix).resolve())


@installed_wheel
def test_installed_entry_points_load() -> None:
    """The `claro` command and the pytest plugin can be loaded by their entry points."""
    points = {
        (point.group, point.name): point
        for point in metadata.distribution("claro-async").entry_points
    }
    assert callable(points["console_scripts", "claro"].load())
    assert points["pytest11", "claro_async"].load().__name__ == "claro_async.pytest_plugin"
