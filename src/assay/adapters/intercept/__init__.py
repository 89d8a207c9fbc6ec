"""See, and where asked answer, the HTTP exchanges of the clients in this process, for as long as a block runs.

``wire`` says how whoever looks on is told; one module per client library does the telling.
"""

from assay.adapters.intercept.patching import intercept
from assay.adapters.intercept.wire import Exchange, Interceptor, Reply

__all__ = ["Exchange", "Interceptor", "Reply", "intercept"]
