"""The reference: ``{names} module`` with a name a line; a check that no public name is missing."""

from __future__ import annotations

import inspect
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from claro_docs.public import load, public_by_home, public_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import OptionSpec

LOGGER = logging.getLogger(__name__)


def lines_for(module: str, line: str) -> Iterator[str]:
    """Write the autodoc directive that suits an object."""
    name, _, without = line.partition(" without ")
    value = getattr(load(module), name)
    kind = "function"
    if inspect.isclass(value):
        kind = "exception" if issubclass(value, BaseException) else "class"
    yield f".. auto{kind}:: {module}.{name}"
    if inspect.isclass(value):
        yield "   :members:"
        yield f"   :inherited-members: {', '.join(foreign_bases(value))}"
        if without:
            yield f"   :exclude-members: {', '.join(without.split())}"
        if kind == "exception":
            yield "   :show-inheritance:"
        if issubclass(value, Enum):
            yield "   :undoc-members:"
    yield ""


def foreign_bases(value: type) -> list[str]:
    """Name the bases of others, whose members are documented elsewhere."""
    own = ("claro_async", "claro_api", "communications_mining_api")
    return [base.__name__ for base in value.__mro__ if not base.__module__.startswith(own)]


class Names(SphinxDirective):
    """``{names} claro_async`` with names in its body becomes their documentation.

    ``NAME without MEMBER …`` leaves out what the client itself uses of a class. The option
    ``results`` leaves out how objects are made that users only get.
    """

    has_content = True
    required_arguments = 1
    option_spec: ClassVar[OptionSpec] = {"results": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Hand autodoc's directives to the parser of reStructuredText."""
        module = self.arguments[0]
        names = [line.strip() for line in self.content if line.strip()]
        lines = [line for name in names for line in lines_for(module, name)]
        text = "\n".join(["```{eval-rst}", *lines, "```"])
        found = self.parse_text_to_nodes(text)
        return without_constructors(found) if "results" in self.options else found


def without_constructors(found: list[nodes.Node]) -> list[nodes.Node]:
    """Take the parameters away from the signatures of classes."""
    for node in found:
        for description in node.findall(addnodes.desc):
            if description["objtype"] == "class":
                signature = next(description.findall(addnodes.desc_signature))
                for parameters in list(signature.findall(addnodes.desc_parameterlist)):
                    parameters.parent.remove(parameters)
    return found


def skip_field(
    app: Sphinx, what: str, name: str, value: object, skip: bool, options: object
) -> bool | None:
    """Leave out the fields of named tuples: the class describes them."""
    return True if (inspect.getdoc(value) or "").startswith("Alias for field number") else None


def refer_by_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Resolve a reference to where an object is defined as one to its public name."""
    target = node.get("reftarget", "")
    public = public_by_home().get(target)
    if node.get("refdomain") != "py" or public is None:
        return None
    domain = env.domains.python_domain
    return domain.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], public, node, content
    )


def check_that_all_are_there(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of each public name without an entry in the reference."""
    documented = set(env.domains.python_domain.objects)
    for name in sorted(public_names().keys() - documented):
        LOGGER.warning("public name %s is missing in docs/reference", name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive, the references and the check."""
    app.add_directive("names", Names)
    app.connect("autodoc-skip-member", skip_field)
    app.connect("missing-reference", refer_by_public_name)
    app.connect("env-check-consistency", check_that_all_are_there)
    return {}
