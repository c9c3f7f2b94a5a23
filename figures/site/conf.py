"""The site of all documents: `sphinx-build -c figures/site . OUT` in the project's folder."""

from __future__ import annotations

from contextlib import suppress
from importlib import metadata
from typing import Any

from docutils.nodes import SkipNode, math_block
from jupyter_client.manager import KernelManager
from math_core import LatexToMathML

project = "replica-attention"
author = "the replica-attention developers"
version = release = metadata.version(project)

extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc"]
root_doc = "figures/site/index"
# The documents stay where they are read without a site: at the top, and beside the code.
include_patterns = ["*.md", "replica/*.md", "simulations/*.md", "figures/*.md", "figures/site/*.md"]

html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = html_show_sourcelink = html_show_copyright = False
html_math_renderer = "mathml"
html_static_path = html_css_files = ["site.css"]
# Leads from the top of the site to its first page.
html_extra_path = ["index.html"]

myst_enable_extensions = ["dollarmath", "amsmath", "html_image"]
myst_heading_anchors = 4

# Notebooks are run for every site, and a cell that fails is an error.
nb_execution_mode = "force"
nb_execution_raise_on_error = nb_execution_in_temp = True
nb_execution_timeout = 600
# Otherwise every kernel warns that what it tells this machine is not encrypted.
with suppress(AttributeError):
    KernelManager.transport_encryption.default_value = "auto"

# Docstrings write names between single quotes, as Markdown does.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False

# Readers of Markdown need \cr between rows of a matrix.
_TO_MATHML = LatexToMathML(macros={"cr": r"\\"})


def write_formula(writer: Any, node: Any) -> None:
    """Write a formula as MathML, which browsers draw without a script or fonts from elsewhere."""
    formula = node.astext()
    if r"\tag" in formula:
        formula = rf"\begin{{equation}}{formula}\end{{equation}}"
    block = isinstance(node, math_block)
    writer.body.append(_TO_MATHML.convert_with_local_state(formula, displaystyle=block))
    raise SkipNode


def keep_bars(
    _app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]
) -> None:
    """Keep |w|² of a docstring from being read as the name of a substitution."""
    lines[:] = [line if ">>>" in line else line.replace("|", r"\|") for line in lines]


def setup(app: Any) -> None:
    """Tell Sphinx of both."""
    app.add_html_math_renderer("mathml", (write_formula, None), (write_formula, None))
    app.connect("autodoc-process-docstring", keep_bars)
