"""``{error-tree}``: the exceptions as a tree of links, made from the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sphinx.util.docutils import SphinxDirective

from claro_async import errors
from claro_docs.public import public_by_home, summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils import nodes
    from sphinx.application import Sphinx


def tree(error: type[BaseException], depth: int = 0) -> Iterator[str]:
    """Write a class and those derived from it as a nested list."""
    name = public_by_home()[f"{error.__module__}.{error.__qualname__}"]
    yield f"{'  ' * depth}- {{py:exc}}`~{name}`: {summary(error)}"
    for derived in sorted(error.__subclasses__(), key=lambda each: each.__name__):
        yield from tree(derived, depth + 1)


class ErrorTree(SphinxDirective):
    """The whole tree."""

    def run(self) -> list[nodes.Node]:
        """Write it as Markdown and parse that."""
        return self.parse_text_to_nodes("\n".join(tree(errors.ClaroError)))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("error-tree", ErrorTree)
    return {}
