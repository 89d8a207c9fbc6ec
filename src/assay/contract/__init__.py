"""Floor 4: the compiled contract, the one oracle behind every door.

The rule of this room: one contract, the same rule ids and the same violations, whoever asks.
"""

from assay.contract.core import Contract, load
from assay.contract.stream import StreamCheck

__all__ = ["Contract", "StreamCheck", "load"]
