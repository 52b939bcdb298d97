"""The public API as text, a line for each name: what users' programs and type checkers rely on.

``python -m tests.packaging.public_api`` writes ``public_api.txt`` anew, once ``CHANGELOG.md`` names
what changed under [Unreleased]. It is read from the source, by griffe; nothing is imported.
"""

from __future__ import annotations

import re
import sys
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import griffe

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOT = Path(__file__).with_suffix(".txt")
COMMAND = "python3 noxfile.py -s api"
MODULES = (
    "claro_async",
    "claro_async.communications_mining",
    "claro_async.connectors.otel",
    "claro_async.connectors.spark",
    "claro_async.emulator",
    "claro_async.errors",
    "claro_async.models",
    "claro_async.testing",
)
"""Where names are public: what ``__all__`` lists there, as in the reference."""

_SPECIAL = frozenset({"__init__", "__await__", "__aiter__", "__anext__", "__aenter__", "__call__"})
_CONSTANT = frozenset({"class-attribute", "module-attribute"})
_KEYWORDS = re.compile(r"Unpack\[(\w+)\]")


def public_names() -> dict[str, dict[str, griffe.Object]]:
    """What each public module lists in ``__all__``, in order."""
    loader = griffe.GriffeLoader(search_paths=[ROOT])
    package = loader.load("claro_async")
    loader.load("generated")  # what claro_async.models has
    loader.resolve_aliases(implicit=True, external=False)
    modules = {name: _module(package, name) for name in MODULES}
    return {
        name: {
            public: _target(module.members[public])
            for public in sorted(map(str, module.exports or ()))
        }
        for name, module in modules.items()
    }


def public_api() -> list[str]:
    """Every public name with its type or signature, in order."""
    found = {
        f"{name}.{public}": item
        for name, items in public_names().items()
        for public, item in items.items()
    }
    first: dict[str, str] = {}
    for name, item in found.items():
        first.setdefault(item.path, name)
    lines: list[str] = []
    for name, item in found.items():
        is_first = first[item.path] == name
        lines += _described(name, item, first) if is_first else [f"{name}: {first[item.path]}"]
    return lines


def _module(package: griffe.Object | griffe.Alias, name: str) -> griffe.Object:
    """A module of the package, or the package itself."""
    within = name.partition(".")[2]
    return _target(package[within] if within else package)


def _target(item: griffe.Object | griffe.Alias) -> griffe.Object:
    """What an alias stands for in the end."""
    return item.final_target if isinstance(item, griffe.Alias) else item


def _described(name: str, item: griffe.Object, public: Container[str]) -> Iterator[str]:
    """The lines of an object under its public name; what public bases have stands with these."""
    if isinstance(item, griffe.Class):
        yield f"{name}: class({', '.join(_bases(item, public))})"
        for key, member in sorted(item.all_members.items()):
            value = _target(member)
            is_own = value.parent is item or value.parent is None or value.parent.path not in public
            if is_own and (not key.startswith("_") or key in _SPECIAL):
                yield from _described(f"{name}.{key}", value, public)
    elif isinstance(item, griffe.Function):
        prefix = "async " if "async" in item.labels else ""
        yield f"{name}: {prefix}{item.signature().removeprefix(item.name)}"
        yield from _keywords(name, item)
    elif isinstance(item, griffe.Attribute):
        kind = "property " if "property" in item.labels else ""
        has_value = item.value is not None and _CONSTANT & item.labels
        default = f" = {item.value}" if has_value else ""
        yield f"{name}: {kind}{item.annotation or 'attribute'}{default}"


def _bases(item: griffe.Class, public: Container[str]) -> Iterator[str]:
    """The bases that users know: public ones, and those of other packages."""
    for base in item.bases:
        path = base if isinstance(base, str) else base.canonical_path
        if path in public or not path.startswith(("claro_async.", "generated.")):
            yield str(base)


def _keywords(name: str, function: griffe.Function) -> Iterator[str]:
    """The keywords that ``**options: Unpack[…]`` stands for."""
    for parameter in function.parameters:
        for keywords in _KEYWORDS.findall(str(parameter.annotation)):
            path = function.resolve(keywords).removeprefix("claro_async.")
            kind = _target(function.package[path])
            for key, value in sorted(kind.all_members.items()):
                annotation = getattr(_target(value), "annotation", None)
                yield f"{name}(**{parameter.name}).{key}: {annotation}"


def changed_names(old: Iterable[str], new: Iterable[str]) -> list[str]:
    """The names that came, went or changed; of a class that came or went, its own name only."""
    before, after = ({_name_of(line): line for line in lines} for lines in (old, new))
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    whole = {name for name in changed if name not in before or name not in after}
    return sorted(name for name in changed if not any(_is_within(name, each) for each in whole))


def _name_of(line: str) -> str:
    return line.partition(": ")[0]


def _is_within(name: str, other: str) -> bool:
    return name.startswith((f"{other}.", f"{other}("))


def unreleased() -> str:
    """What the changelog has under [Unreleased]."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8").partition("## [Unreleased]")[2]
    return text.partition("\n## [")[0]


def without_mention(names: Iterable[str], text: str) -> list[str]:
    """Those of some names whose last part is no word of a text."""
    words = set(re.findall(r"\w+", text))
    return [name for name in names if re.findall(r"\w+", name)[-1] not in words]


def recorded() -> list[str]:
    """The lines of the snapshot; none where there is none yet."""
    return SNAPSHOT.read_text("utf-8").splitlines() if SNAPSHOT.exists() else []


def difference() -> str:
    """How the snapshot differs from the source, with what to do; empty where it does not."""
    old, new = recorded(), public_api()
    if old == new:
        return ""
    lines = "\n".join(unified_diff(old, new, "public_api.txt", "the source", lineterm="", n=0))
    missing = without_mention(changed_names(old, new), unreleased()) if old else []
    name = f"Name in CHANGELOG.md, under [Unreleased]: {', '.join(missing)}\n" if missing else ""
    return f"The public API has changed:\n{lines}\n\n{name}Then write the snapshot anew: {COMMAND}"


def main() -> int:
    """Write the snapshot, if the changelog names what changed; the result is the exit status."""
    old, new = recorded(), public_api()
    missing = without_mention(changed_names(old, new), unreleased()) if old else []
    if missing:
        sys.stderr.write("Name these in CHANGELOG.md, under [Unreleased], then try again:\n")
        sys.stderr.writelines(f"  {name}\n" for name in missing)
        return 1
    SNAPSHOT.write_text("\n".join(new) + "\n", encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
