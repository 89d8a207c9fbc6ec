"""A template and its values into one page of HTML: the frame, the base style, and the one script of a page.

The rule of this module: every value passes the template's escaping, nothing is loaded from anywhere, and a browser may
run no script but the one whose checksum the page itself states.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import jinja2
from markupsafe import Markup

__all__ = ["Markup", "render"]


def render(package: str, name: str, *, script: str = "", **values: Any) -> str:
    """Fill the template ``name`` in the folder of ``package``, which extends ``base.html`` of this room.

    ``script`` is the name of a file beside the template, or empty. Values that are markup themselves are ``Markup``.
    """
    loader = jinja2.ChoiceLoader([jinja2.PackageLoader(package, ""), jinja2.PackageLoader("assay.page", "")])
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    code = loader.get_source(environment, script)[0] if script else ""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return environment.get_template(name).render(
        script=Markup(code),  # noqa: S704  a file of ours
        script_source=f"'sha256-{digest}'" if code else "'none'",
        **values,
    )
