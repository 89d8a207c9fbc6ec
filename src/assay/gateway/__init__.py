"""Floor 4: the gate: what a gateway does with a verdict, whichever door the traffic comes through.

The rule of this room: bytes and header fields in, decisions out; no sockets, no clock, no frameworks. It knows the
contract only as a protocol (:class:`assay.gateway.gate.Judge`), so it stands beside the contract and not above it.
"""

from assay.gateway.gate import Gate, Judge
from assay.gateway.passage import Judgement, Passage, Refusal, Watch
from assay.gateway.policy import Override, Policy, read_policy
from assay.gateway.settings import Limits, Settings

__all__ = [
    "Gate",
    "Judge",
    "Judgement",
    "Limits",
    "Override",
    "Passage",
    "Policy",
    "Refusal",
    "Settings",
    "Watch",
    "read_policy",
]
