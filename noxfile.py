"""Development tasks: ``python3 noxfile.py -s demo`` or ``-s tests``, with nothing but Python.

Where nox is missing (or of another generation), the file makes an environment of its own in
``.noxenv/``, installs nox there and runs itself again in it. ``python3 noxfile.py -l`` lists all.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NOX_REQUIREMENT = "nox>=2025.5.1,<2027"
NOX_VERSIONS = ((2025, 5), (2027, 0))


def nox_is_usable() -> bool:
    """Tell whether this interpreter has a nox of the generations that the file is written for."""
    try:
        year, month, *_ = metadata.version("nox").split(".")
    except metadata.PackageNotFoundError:
        return False
    lowest, beyond = NOX_VERSIONS
    return lowest <= (int(year), int(month)) < beyond


def run_in_own_environment() -> None:
    """Replace this process with the same command in ``.noxenv``, made first where missing."""
    folder = ROOT / ".noxenv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = folder / f"ready-{hashlib.sha256(NOX_REQUIREMENT.encode()).hexdigest()[:12]}"
    if os.environ.get("CLARO_ASYNC_IN_NOXENV"):
        sys.exit(f"{NOX_REQUIREMENT} is still missing in {folder}: remove that folder, try again")
    if not (ready.exists() and python.exists()):
        make_environment(folder, python)
        ready.touch()
    environment = os.environ | {"CLARO_ASYNC_IN_NOXENV": "1"}
    command = [str(python), str(ROOT / "noxfile.py"), *sys.argv[1:]]
    if os.name == "nt":  # execve there returns to the shell before the new process has ended
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)
    os.execve(python, command, environment)  # noqa: S606  # no shell is wanted


def make_environment(folder: Path, python: Path) -> None:
    """Create the environment and install nox; end with advice where Python lacks the parts."""
    print(f"nox is missing: making an environment for it in {folder}", file=sys.stderr, flush=True)
    try:
        import venv  # noqa: PLC0415  # some systems' Python comes without it

        venv.create(folder, clear=True, symlinks=os.name != "nt", with_pip=True)
    except (ImportError, subprocess.CalledProcessError):
        sys.exit(
            "This Python has no complete venv module (Debian and Ubuntu ship it apart).\n"
            "Install it, for example with: apt-get install python3-venv; then try again."
        )
    install = [str(python), "-m", "pip", "install", "--quiet", NOX_REQUIREMENT]
    if subprocess.run(install, check=False).returncode:
        sys.exit(f"pip could not install {NOX_REQUIREMENT}: see its message above")


if sys.version_info < (3, 11):  # noqa: UP036  # whoever starts this has any Python
    sys.exit("claro-async needs Python 3.11 or later")
if __name__ == "__main__" and not nox_is_usable():
    run_in_own_environment()

import tomllib  # noqa: E402  # the version of Python is known by now

import nox  # noqa: E402  # and so is that nox is there

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GENERATED = ("generated/claro_api", "generated/communications_mining_api")
# all but PySpark, which is half a gigabyte: it has a session of its own
ALL_EXTRAS = ",".join(sorted(PYPROJECT["project"]["optional-dependencies"].keys() - {"spark"}))
TYPED = (
    *("claro_async", *GENERATED, "openapi", "tests", "benchmarks", "examples"),
    *(
        "docs/_ext/claro_docs",
        "docs/pictures.py",
        "docs/console_pictures.py",
        "hatch_build.py",
        "noxfile.py",
    ),
)
AGAINST_THE_WHEEL = {"CLARO_ASYNC_TESTS": "wheel", "PYTHONPATH": ""}
# Tests that take long for the lines that nothing else reaches.
NOT_FOR_COVERAGE = (
    *("console", "contract", "docs", "packaging", "simulation", "spec", "typing"),
    "emulator/test_[!c]*.py",  # the emulator is not measured; its command is
    "communications_mining/test_snippets.py",
    *("bulk/test_cancel.py", "bulk/test_chaos.py", "bulk/test_kill.py", "bulk/test_memory.py"),
    *("bulk/test_virtual_clock.py", "transfers/test_memory.py"),
    "bulk/test_engine.py::test_many_edits_of_one_cell_hold_the_loop_for_moments_only",
    "bulk/test_html.py::test_any_text_is_shown_as_text",
    "bulk/test_plan.py::test_requests_of_a_large_job",
    "communications_mining/test_expired.py::test_999_empty_pages_are_no_end",
    "communications_mining/test_expired.py::test_more_comments_where_ranges_meet_than_memory_holds",
    "communications_mining/test_files.py::test_a_hundred_thousand_comments_in_constant_memory",
    "communications_mining/test_files.py::test_killed_and_resumed",
    "quota/test_alone.py::test_a_day_of_quota_in_seconds",
    "quota/test_alone.py::test_three_thousand_edits_against_the_emulator",
    "quota/test_clocks.py::test_a_server_whose_clock_is_set",
    "quota/test_shares.py::test_four_clients_share_evenly",
    "quota/test_throttled.py::test_a_retry_after_is_never_undercut",
    "tables/test_reader.py::test_a_value_without_end_is_refused",
    "wire/test_values.py::test_any_json_value_comes_back_as_it_was",
)


def environments_folder() -> Path:
    """Return the folder for sessions' environments, one for each set of declared requirements.

    Environments are reused from run to run; a changed requirement means a new folder, so nothing
    that is no longer declared stays installed.
    """
    project = PYPROJECT["project"]
    declared = json.dumps(
        [
            NOX_REQUIREMENT,
            PYPROJECT["build-system"],
            PYPROJECT["dependency-groups"],
            project["dependencies"],
            project["optional-dependencies"],
        ],
        sort_keys=True,
    )
    return ROOT / ".nox" / hashlib.sha256(declared.encode()).hexdigest()[:12]


nox.needs_version = NOX_REQUIREMENT.removeprefix("nox")
nox.options.sessions = ["tests"]
nox.options.envdir = str(environments_folder())
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_external_run = True


def group(*names: str) -> list[str]:
    """Return the requirements of the named dependency groups of pyproject.toml."""
    return list(nox.project.dependency_groups(PYPROJECT, *names))


def build_wheel(session: nox.Session, folder: str) -> Path:
    """Build the wheel of this checkout into a folder and return its path."""
    session.install("--quiet", *PYPROJECT["build-system"]["requires"])
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    session.run("python", "-m", "pip", "wheel", *options, str(ROOT), silent=True)
    (wheel,) = Path(folder).glob("claro_async-*.whl")
    return wheel


def install_wheel(
    session: nox.Session, *groups: str, extras: str = ALL_EXTRAS, floors: bool = False
) -> None:
    """Install the built wheel with extras, and the requirements of some dependency groups.

    Args:
        session: The session to install into.
        groups: Dependency groups of pyproject.toml.
        extras: The extras, separated by commas.
        floors: Whether to take the lowest versions that the requirements of the core, and of the
            extra for OpenTelemetry, allow.
    """
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(session, folder)
        constraints = Path(folder, "constraints.txt")
        project = PYPROJECT["project"]
        limited = (*project["dependencies"], *project["optional-dependencies"]["otel"])
        lowest = (each.partition(",")[0] for each in limited)
        constraints.write_text("\n".join(each.replace(">=", "==") for each in lowest))
        limits = ("--constraint", str(constraints)) if floors else ()
        session.install("--quiet", f"{wheel}[{extras}]", *group(*groups), *limits)
        # The version stays the same while the code changes.
        session.install("--quiet", "--force-reinstall", "--no-deps", str(wheel))


def run_tests(session: nox.Session, *options: str) -> None:
    """Run pytest against the installed wheel."""
    # The script, unlike `python -m pytest`, leaves the checkout off the import path.
    session.run("pytest", *options, *session.posargs, env=AGAINST_THE_WHEEL)


def run_generator(session: nox.Session, *arguments: str) -> None:
    """Run openapi/generate.py with the generator and the formatter pinned in pyproject.toml."""
    session.install("--quiet", *group("generate"))
    session.run("python", "openapi/generate.py", *arguments)


def say_next(session: nox.Session, *steps: str) -> None:
    """Tell what to do next, after everything else that a session prints."""
    for step in steps:
        session.log(f"next: {step}")


@nox.session
def demo(session: nox.Session) -> None:
    """The main job from end to end, against the emulator, with every number checked."""
    install_wheel(session, "demo", extras="emulator")
    session.run("python", "-W", "error", "examples/airports.py", *session.posargs)
    say_next(session, "docs/getting-started.md: a first script, a first command, five minutes")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, against the built and installed wheel; in CI the linters run as well."""
    install_wheel(session, "test", "generate")
    run_tests(session)
    if os.environ.get("CI"):
        for linter in ("coverage", "floors", "spark", "console", "speed", "lint", "drift", "docs"):
            session.notify(linter, posargs=[])
    else:
        say_next(
            session,
            "CONTRIBUTING.md: what to touch, and what to run, for a change",
            "python3 noxfile.py -s lint docs, before a change is handed in",
        )


def tests_on(session: nox.Session) -> None:
    """All tests on another Python, where that is installed."""
    install_wheel(session, "test", "generate")
    run_tests(session)


for version in ("3.12", "3.13"):
    nox.session(python=version, name=f"tests-{version}")(tests_on)


@nox.session
def coverage(session: nox.Session) -> None:
    """How much of the client the quick tests go through, branches counted; at least 95%."""
    install_wheel(session, "test", "generate")
    with tempfile.TemporaryDirectory() as folder:  # the data name local paths
        environment = {"COVERAGE_FILE": str(Path(folder, "data")), **AGAINST_THE_WHEEL}
        # the script, and not pytest-cov: the package's own plugin of pytest is measured, too
        skipped = (
            f"--{'deselect' if '::' in each else 'ignore-glob'}=tests/{each}"
            for each in NOT_FOR_COVERAGE
        )
        script = str(Path(session.bin, "pytest"))
        session.run("coverage", "run", script, *skipped, *session.posargs, env=environment)
        session.run("coverage", "combine", "--quiet", env=environment)
        session.run("coverage", "report", "--skip-covered", "--show-missing", env=environment)


@nox.session
def mutate(session: nox.Session) -> None:
    """Whether tests notice changes of the central modules; ``-- retry --sample 50`` for less."""
    session.install("--quiet", "--editable", f".[{ALL_EXTRAS}]", *group("test"))
    session.run("python", "-m", "tests.mutation", *session.posargs)


@nox.session
def floors(session: nox.Session) -> None:
    """The tests of the client with the lowest versions of its dependencies that are allowed."""
    install_wheel(session, "test", floors=True)
    client = (
        *("unit", "wire", "facade", "contract", "connectors/test_otel.py"),
        *("bulk/test_journal.py", "bulk/test_plan.py"),
    )
    run_tests(session, *(() if session.posargs else (f"tests/{each}" for each in client)))


def check_public_types(session: nox.Session, *, spark: bool = False) -> None:
    """What pyright makes of tests/typing, and of every public name as the wheel brings it.

    Pyright and the node that runs it come as wheels, so nothing is downloaded here.

    Args:
        session: The session to run in.
        spark: Whether PySpark is installed; else what is made of it is left out.
    """
    quiet = {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}  # else it asks for the newest version
    session.run("pyright", env=quiet)
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(build_wheel(session, folder)) as wheel,
    ):
        site, elsewhere = Path(folder, "site"), Path(folder, "elsewhere")
        wheel.extractall(site)
        if not spark:
            shutil.rmtree(site / "claro_async/connectors/spark")
        elsewhere.mkdir()
        with session.chdir(elsewhere):  # here the checkout would be taken for the package
            session.run(
                *("pyright", "--verifytypes", "claro_async", "--ignoreexternal"),
                env=quiet | {"PYTHONPATH": str(site)},
            )


@nox.session
def spark(session: nox.Session) -> None:
    """The connector of Spark on a real cluster of two executors, and its types; needs Java 17."""
    install_wheel(session, "test", "generate", "lint", extras=f"{ALL_EXTRAS},spark")
    run_tests(session, *(() if session.posargs else ("tests/spark",)))
    session.run("mypy", "--strict", "claro_async/connectors/spark", "tests/spark")
    check_public_types(session, spark=True)


@nox.session
def console(session: nox.Session) -> None:
    """The emulator's console in a headless Chromium, which has to be installed."""
    install_wheel(session, "test", "generate", "console")
    run_tests(session, *(() if session.posargs else ("tests/console",)))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types and the direction of imports."""
    session.install(
        "--quiet",
        *("--editable", f".[{ALL_EXTRAS}]"),
        *group("lint", "test", "generate", "console", "bench", "demo", "docs"),
    )
    session.run("ruff", "check", "--no-cache", ".")
    session.run("ruff", "format", "--no-cache", "--check", ".")
    session.run("mypy", "--strict", *TYPED)
    session.run("lint-imports", "--no-cache", "--no-logo")
    check_public_types(session)
    if not os.environ.get("CI"):  # there, `tests` has asked for it already
        session.notify("drift", posargs=[])


@nox.session
def docs(session: nox.Session) -> None:
    """The site, into build/site. A warning is an error; so is a public name without an entry."""
    session.install(
        "--quiet", "--only-binary", ":all:", *group("docs"), *PYPROJECT["project"]["dependencies"]
    )
    session.install("--quiet", "--editable", f".[{ALL_EXTRAS}]")
    target = ROOT / "build" / "site"
    options = ("-W", "--keep-going", "-q", "-E", "-b", "html", "-d", session.create_tmp())
    session.run("python", "-m", "sphinx", *options, *session.posargs, "docs", str(target))
    session.log(f"built: open {target / 'index.html'}")


@nox.session
def pictures(session: nox.Session) -> None:
    """The pictures of docs/ anew, from the emulator; most need an installed Chromium."""
    session.install("--quiet", "--editable", f".[{ALL_EXTRAS}]", *group("console"))
    session.run("python", "docs/pictures.py")
    session.run("python", "docs/console_pictures.py")


@nox.session
def simulate(session: nox.Session) -> None:
    """Simulated runs from their seeds: ``-- --seeds 200000``, or ``-- --seed 17`` to see one.

    It stops at the first run that breaks a promise, with its seed and all that happened in it.
    """
    session.install("--quiet", "--editable", f".[{ALL_EXTRAS}]", *group("test"))
    # the order of sets is that of the first run
    session.run(
        *("python", "-m", "tests.simulation.run", *session.posargs), env={"PYTHONHASHSEED": "0"}
    )


@nox.session
def drift(session: nox.Session) -> None:
    """Whether generated/ is what the generator makes of openapi/ today."""
    run_generator(session, "--check")


@nox.session
def generate(session: nox.Session) -> None:
    """Write generated/ anew from openapi/."""
    run_generator(session)


@nox.session
def api(session: nox.Session) -> None:
    """Write the snapshot of the public API anew, once CHANGELOG.md names what changed."""
    session.install("--quiet", *group("api"))
    session.run("python", "-m", "tests.packaging.public_api")


@nox.session
def bench(session: nox.Session) -> None:
    """The speed targets, measured against other clients and hand-written aiohttp."""
    session.install("--quiet", "--editable", ".[cli,redis]", *group("bench", "peers"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def speed(session: nox.Session) -> None:
    """That an edit takes no more instructions than it did, where valgrind can count them."""
    session.install("--quiet", "--editable", ".", *group("bench"))
    session.run("python", "-m", "benchmarks", "--only", "guard", "--strict")


if __name__ == "__main__":
    os.chdir(ROOT)
    nox.main()
