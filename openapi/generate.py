"""Write the packages under ``generated/`` from the specifications in this folder.

``python openapi/generate.py`` replaces them; ``--check`` writes them to a temporary folder instead,
compares both trees byte by byte, lists the differences and exits with status 1 if there are any.

The output depends on nothing but the specifications, the templates, the configuration, this script
and the exact versions of the generator and of ruff, which must be those that ``pyproject.toml``
pins in the dependency group ``generate``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "openapi"
OUTPUT = ROOT / "generated"
MANIFEST = "GENERATED.json"
PACKAGES = {"claro": "claro_api", "communications_mining": "communications_mining_api"}

# The generator writes a fixed set of files; these are renamed and all others dropped.
RENAMED = {
    "client.py": "operation.py",
    "errors.py": "open_enum.py",
    "types.py": "plain.py",
    "api/__init__.py": "operations.py",
}


# What a second send of an operation does: it decides what may be retried after a lost reply.
IDEMPOTENCY = ("safe", "idempotent", "unsafe")


class GenerationError(Exception):
    """The packages could not be generated; the message says why."""


def pinned_versions() -> dict[str, str]:
    """Return the pinned version of each tool, after checking that it is the installed one.

    Raises:
        GenerationError: A tool is not pinned with ``==``, is missing, or has another version.
    """
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pins: dict[str, str] = {}
    for requirement in document["dependency-groups"]["generate"]:
        name, separator, pinned = requirement.partition("==")
        if not separator:
            raise GenerationError(f"{requirement} is not pinned with ==")
        try:
            installed = version(name)
        except PackageNotFoundError:
            raise GenerationError(f"{name}=={pinned} is needed and not installed") from None
        if installed != pinned:
            raise GenerationError(f"{name}=={pinned} is needed and {installed} is installed")
        pins[name] = pinned
    return pins


def prepare(document: dict[str, Any]) -> dict[str, Any]:
    """Return the specification in the idioms that the generator takes as they are meant."""
    for item in document["paths"].values():
        shared = item.get("parameters", [])
        for operation in item.values():
            if isinstance(operation, dict):
                parameters = [*shared, *operation.get("parameters", [])]
                annotate(operation, [resolve(document, parameter) for parameter in parameters])
    prepared: dict[str, Any] = opened(document)
    return prepared


def annotate(operation: dict[str, Any], parameters: list[dict[str, Any]]) -> None:
    """Note on the success what the generator does not hand to templates in any other way.

    Raises:
        GenerationError: The operation does not say what a second send of it does.
    """
    if operation.get("x-idempotency") not in IDEMPOTENCY:
        raise GenerationError(
            f"{operation['operationId']} needs x-idempotency: one of {', '.join(IDEMPOTENCY)}"
        )
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            response["x-operation-id"] = operation["operationId"]
            response["x-idempotency"] = operation["x-idempotency"]
            response["x-parameters"] = {
                parameter["name"]: parameter["description"] for parameter in parameters
            }


def resolve(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference within the document, if the node is one."""
    if "$ref" not in node:
        return node
    found: dict[str, Any] = document
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def opened(node: Any) -> Any:
    """Replace each open enum by a reference to its enum.

    A known enum beside any string is the idiom for an open enum. The generator would make a union
    of it, but the generated enums are open already.
    """
    if isinstance(node, list):
        return [opened(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {name: opened(value) for name, value in node.items()}
    match node.get("anyOf"):
        case [{"$ref": _} as reference, {"type": "string"}]:
            del node["anyOf"]
            node["allOf"] = [reference]
    return node


def run(command: Sequence[str | Path], folder: Path) -> None:
    """Run a tool in a folder, quietly unless it fails.

    Raises:
        GenerationError: The tool failed; the message has its output.
    """
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise GenerationError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def arrange(raw: Path, package: Path) -> None:
    """Move what the generator wrote to where it belongs in the package."""
    package.mkdir()
    (package / "py.typed").touch()
    shutil.copyfile(raw / "__init__.py", package / "__init__.py")
    for source, target in RENAMED.items():
        shutil.copyfile(raw / source, package / target)
    for tag in sorted(path for path in (raw / "api").iterdir() if path.is_dir()):
        shutil.copyfile(tag / "__init__.py", package / f"{tag.name}.py")
    (package / "models").mkdir()
    for module in sorted((raw / "models").glob("*.py")):
        if module.read_text(encoding="utf-8").strip():
            shutil.copyfile(module, package / "models" / module.name)


def generate_package(spec: str, output: Path) -> None:
    """Generate one package from its specification into the output folder."""
    # It comes with the generator, whose presence is checked before.
    from ruamel.yaml import YAML  # noqa: PLC0415

    document = YAML(typ="safe").load(SPECS / f"{spec}.yaml")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepared = folder / "spec.json"
        prepared.write_text(json.dumps(prepare(document)), encoding="utf-8")
        raw = folder / "raw"
        run(
            [
                *("openapi_python_client", "generate", "--fail-on-warning", "--meta", "none"),
                *("--path", prepared, "--output-path", raw),
                *("--config", SPECS / "config" / f"{spec}.yaml"),
                *("--custom-template-path", SPECS / "templates"),
            ],
            folder,
        )
        package = output / PACKAGES[spec]
        arrange(raw, package)
        style(package)


def style(package: Path) -> None:
    """Drop unused imports, sort the others and format, whatever ruff is configured to elsewhere."""
    common = ["--isolated", "--no-cache", "--quiet", "--target-version", "py311"]
    # Else ruff would skip, without a word, what lies below .nox or below a folder that git ignores.
    common += ["--no-respect-gitignore", "--config", "exclude=[]"]
    # The templates end every list with a comma; what fits into a line belongs into a line.
    layout = ["format.skip-magic-trailing-comma=true", "lint.isort.split-on-trailing-comma=false"]
    common += ["--config", "line-length=100", *(f"--config={setting}" for setting in layout)]
    run(["ruff", "check", *common, "--select", "F401,I", "--fix", "."], package)
    run(["ruff", "format", *common, "."], package)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digests(base: Path, folders: list[Path]) -> dict[str, str]:
    """Return the digest of every file below the folders, by its path below the base."""
    paths = (path for folder in folders for path in files(folder))
    return {path.relative_to(base).as_posix(): digest(path) for path in sorted(paths)}


def files(folder: Path) -> list[Path]:
    """Return the files below a folder, without the interpreter's caches."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if "__pycache__" not in path.parts)


def generate(output: Path) -> None:
    """Generate every package, and the manifest, into an empty folder."""
    tools = pinned_versions()
    specs = [spec for spec in PACKAGES if (SPECS / f"{spec}.yaml").exists()]
    for spec in specs:
        generate_package(spec, output)
    manifest = {
        "tools": tools,
        "specifications": {f"{spec}.yaml": digest(SPECS / f"{spec}.yaml") for spec in specs},
        "generator": {
            "generate.py": digest(Path(__file__)),
            **digests(SPECS, [SPECS / "config", SPECS / "templates"]),
        },
        "files": digests(output, [output]),
    }
    text = json.dumps(manifest, indent=2) + "\n"
    (output / MANIFEST).write_text(text, encoding="utf-8")


def differences(expected: Path, actual: Path) -> list[str]:
    """Return in words how the files of two folders differ."""
    wanted = {path.relative_to(expected): path for path in files(expected)}
    found = {path.relative_to(actual): path for path in files(actual)}
    missing = [f"missing: {path.as_posix()}" for path in wanted.keys() - found.keys()]
    extra = [f"not generated: {path.as_posix()}" for path in found.keys() - wanted.keys()]
    changed = [
        f"differs: {path.as_posix()}"
        for path in wanted.keys() & found.keys()
        if wanted[path].read_bytes() != found[path].read_bytes()
    ]
    return sorted(missing) + sorted(extra) + sorted(changed)


def swap(new: Path, old: Path) -> None:
    """Put the new folder in the place of the old one."""
    aside = new.with_name(f"{new.name}.old")
    if old.exists():
        old.rename(aside)
    new.rename(old)
    shutil.rmtree(aside, ignore_errors=True)


def main() -> int:
    """Run the command line; the result is the exit status."""
    parser = argparse.ArgumentParser(description="Write generated/ from the specifications.")
    parser.add_argument("--check", action="store_true", help="compare instead of replacing")
    arguments = parser.parse_args()
    # To be swapped in by a rename, the new folder must be in the file system of the old one.
    place = None if arguments.check else ROOT
    with tempfile.TemporaryDirectory(dir=place, prefix=".generated-") as name:
        output = Path(name) / "generated"
        output.mkdir()
        try:
            generate(output)
        except GenerationError as error:
            print(error, file=sys.stderr)
            return 2
        if not arguments.check:
            swap(output, OUTPUT)
            return 0
        found = differences(output, OUTPUT)
    for line in found:
        print(line)
    if found:
        print("Run: python openapi/generate.py", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
