"""``assay envoy``: the external processing service that an Envoy asks before it forwards.

The rule of this module: it only hands on what :mod:`assay.commands.gating` has read.
"""

from __future__ import annotations

import logging
from typing import Any

import click

from assay.commands import gating

__all__ = ["envoy"]


@click.command()
@click.option("--listen", default="127.0.0.1:50051", show_default=True, metavar="HOST:PORT")
@click.option("--metrics", metavar="HOST:PORT", help="Serve Prometheus metrics there.")
@gating.gated
def envoy(**given: Any) -> int:
    """Answer an Envoy (ext_proc, gRPC): observe every exchange, or enforce the contract.

    SIGHUP reads the description again.
    """
    from assay.adapters.envoy import serve_envoy  # noqa: PLC0415  it needs the extra assay[envoy]

    address = gating.address(given["listen"])
    metrics = None if given["metrics"] is None else gating.address(given["metrics"], "--metrics")
    settings, policy, contract = gating.settings(given), gating.policy(given), gating.contract(given)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    serve_envoy(contract, policy, settings, address=address, metrics=metrics)
    return 0
