"""``{event-table}``: what ``on_event`` is called with, made from the union of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from sphinx.util.docutils import SphinxDirective

from claro_async.transport.events import CallEvent, Event
from claro_docs.public import summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils import nodes
    from sphinx.application import Sphinx


def table() -> Iterator[str]:
    """Write a line for each class: name, meaning, fields of its own."""
    common = CallEvent.__struct_fields__
    yield "| event | when | fields of its own |"
    yield "| --- | --- | --- |"
    for event in get_args(Event):
        own = [f"`{field}`" for field in event.__struct_fields__ if field not in common]
        name = event.__name__
        yield f"| {{py:class}}`~claro_async.{name}` | {summary(event)} | {', '.join(own)} |"
    yield ""
    fields = ", ".join(f"`{field}`" for field in common)
    others = [f"`{each.__name__}`" for each in get_args(Event) if not issubclass(each, CallEvent)]
    yield f"All but {', '.join(others)} also have the fields of their call: {fields}."


class EventTable(SphinxDirective):
    """The table."""

    def run(self) -> list[nodes.Node]:
        """Write it as Markdown and parse that."""
        return self.parse_text_to_nodes("\n".join(table()))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("event-table", EventTable)
    return {}
