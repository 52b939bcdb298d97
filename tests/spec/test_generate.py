"""The script that writes the generated packages: what it refuses and what it reports."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "openapi" / "generate.py"


@pytest.fixture
def script() -> ModuleType:
    """The script as a module, which does nothing by being imported."""
    spec = importlib.util.spec_from_file_location("generate", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tree(folder: Path, files: dict[str, str]) -> Path:
    """Write files into a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def project(script: ModuleType, folder: Path, requirement: str) -> None:
    """Let the script find a project that pins one tool."""
    text = f'[dependency-groups]\ngenerate = ["{requirement}"]\n'
    script.ROOT = tree(folder, {"pyproject.toml": text})  # type: ignore[attr-defined]


def test_differences_name_every_file(script: ModuleType, tmp_path: Path) -> None:
    """Files that are missing, extra or changed are listed each; caches do not count."""
    expected = tree(tmp_path / "a", {"x/same.py": "1", "x/changed.py": "1", "gone.py": "1"})
    actual = tree(tmp_path / "b", {"x/same.py": "1", "x/changed.py": "2", "new.py": "1"})
    tree(actual, {"x/__pycache__/same.pyc": "0"})
    assert script.differences(expected, actual) == [
        "missing: gone.py",
        "not generated: new.py",
        "differs: x/changed.py",
    ]
    assert script.differences(expected, expected) == []


def test_swap_leaves_nothing_of_the_old_folder(script: ModuleType, tmp_path: Path) -> None:
    """The new folder takes the place of the old one with no file left over from it."""
    new = tree(tmp_path / "work" / "generated", {"new.py": "1"})
    old = tree(tmp_path / "generated", {"old.py": "1"})
    script.swap(new, old)
    assert [path.name for path in old.iterdir()] == ["new.py"]
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize(
    ("requirement", "message"),
    [
        ("attrs>=1", "attrs>=1 is not pinned with =="),
        ("attrs==0.0.1", r"attrs==0\.0\.1 is needed and .* is installed"),
        ("no-such-tool-at-all==1", "no-such-tool-at-all==1 is needed and not installed"),
    ],
)
def test_other_versions_are_refused(
    script: ModuleType, tmp_path: Path, requirement: str, message: str
) -> None:
    """Nothing is generated unless each tool is pinned and installed in the pinned version."""
    project(script, tmp_path, requirement)
    with pytest.raises(script.GenerationError, match=message):
        script.pinned_versions()


def test_refusal_is_a_message_and_a_status(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run that cannot generate says why in one line and exits with status 2."""
    project(script, tmp_path, "attrs==0.0.1")
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    assert script.main() == 2
    assert capsys.readouterr().err.startswith("attrs==0.0.1 is needed")


def test_check_lists_differences_and_fails(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A check against other files lists them on stdout, changes nothing and exits with status 1."""
    script.OUTPUT = tree(tmp_path / "generated", {"a.py": "by hand"})  # type: ignore[attr-defined]
    monkeypatch.setattr(script, "generate", lambda output: tree(output, {"a.py": "generated"}))
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    assert script.main() == 1
    assert capsys.readouterr().out == "differs: a.py\n"
    assert (tmp_path / "generated" / "a.py").read_text(encoding="utf-8") == "by hand"


def test_open_enum_becomes_a_reference(script: ModuleType) -> None:
    """An enum beside any string is read as that enum; a nullable model is left as it is."""
    reference = {"$ref": "#/components/schemas/TaskType"}
    nullable = {"anyOf": [reference, {"type": "null"}]}
    document = {
        "enum": {"anyOf": [reference, {"type": "string"}], "description": "d"},
        "list": [nullable],
    }
    assert script.opened(document) == {
        "enum": {"allOf": [reference], "description": "d"},
        "list": [nullable],
    }
