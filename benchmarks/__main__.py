"""``python -m benchmarks [NAME ...]``: measure every claim, or those named; exit code 1 when one does not hold.

The rule of this module: it prints what was measured, whichever way it came out.
"""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = (
    "audit",
    "check_request",
    "check_response",
    "check_stream",
    "conformance",
    "gateway",
    "generate",
    "load",
    "observe",
    "start",
)


def main(names: list[str]) -> int:
    """Run the benchmarks and print one line per figure."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    failed = 0
    for name in names or NAMES:
        module = import_module(f"benchmarks.{name}")
        print(f"{name}: {(module.__doc__ or '').partition(chr(10))[0]}")
        for claim in module.claims():
            print(f"  {claim}", flush=True)
            failed += not claim.holds
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
