"""``assay serve``: the reference server on a port, for people: an offline stand-in for the API, with faults on demand.

The rule of this module: a key is named by its variable and never shown; what a user must know to use the server is
printed before the first request.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import click

from assay.adapters.serve import serve as served
from assay.contract import load
from assay.errors import UsageError
from assay.reference.faults.application import faulty

__all__ = ["serve"]

CLEAN = 0


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), metavar="N", help="0: a free one."
)
@click.option(
    "--fault", "faults", multiple=True, metavar="NAME", help="Break this promise; repeatable. See assay faults."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Another seed gives other texts.")
@click.option("--key-env", metavar="NAME", help="Demand the API key that this variable holds.")
@click.option("--rate-limit", type=click.IntRange(1), metavar="N", help="Answer N requests a minute, others with 429.")
def serve(**given: Any) -> int:
    """Serve the OpenAI API offline, without a model: every operation, with state, streams and errors.

    The answers are made up, and the same requests get the same answers.
    """
    key = _key(given["key_env"])
    contract = load("openai")
    app = faulty(
        given["faults"],
        contract,
        key=key,
        clock=lambda: int(time.time()),
        rate=given["rate_limit"],
        seed=given["seed"],
    )
    contract.compile()  # else the first requests are slow
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with served(app, host=given["host"], port=given["port"]) as url:
            _tell(url, given)
            threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("The server has ended.", err=True)
    return CLEAN


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable)
    if not key:
        raise UsageError(f"--key-env: the variable {variable} is not set")
    return key


def _tell(url: str, given: dict[str, Any]) -> None:
    faults = f", with the faults {', '.join(given['faults'])}" if given["faults"] else ""
    key = "any" if given["key_env"] is None else f"${given['key_env']}"
    click.echo(f"The reference server of the OpenAI API is at {url}/v1{faults}.")
    click.echo(f"For an OpenAI client: export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={key}")
    click.echo("Ctrl-C ends it.")
