"""``assay proxy``: a reverse proxy that validates before it forwards.

The rule of this module: it only hands on what :mod:`assay.commands.gating` has read.
"""

from __future__ import annotations

import logging
from typing import Any

import click

from assay.commands import gating
from assay.errors import UsageError

__all__ = ["proxy"]


@click.command()
@click.option("--upstream", required=True, metavar="URL", help="Where to forward to, e.g. http://127.0.0.1:8000.")
@click.option("--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), metavar="N")
@gating.gated
@click.option("--timeout", default=600.0, show_default=True, type=click.FloatRange(1), metavar="SECONDS")
def proxy(**given: Any) -> int:
    """Forward to --upstream, and check every exchange on its way: observe it, or enforce the contract.

    /healthz and /metrics are the proxy's own; SIGHUP reads the description again.
    """
    # The server and its client need the extra assay[gateway].
    try:
        from assay.adapters.proxy.forward import Upstream  # noqa: PLC0415
        from assay.adapters.proxy.server import Options, serve_proxy  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(f"the proxy needs the package {error.name}: pip install 'assay[gateway]'") from error
    host, port = gating.address(given["listen"])
    settings, policy, contract = gating.settings(given), gating.policy(given), gating.contract(given)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    upstream = Upstream(given["upstream"], idle=given["timeout"])
    serve_proxy(Options(upstream, policy, settings, contract, host, port, given["workers"]))
    return 0
