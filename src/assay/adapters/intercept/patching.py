"""Patches the client libraries of this process for as long as a block runs.

The rule of this module: it imports no client library. What is imported already is patched at once, what is imported
later is patched then, and every patch is undone at the end, in the reverse order.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from assay.adapters.intercept.wire import Interceptor

__all__ = ["LIBRARIES", "intercept"]

LIBRARIES = {
    "requests": "requests_client",
    "httpx": "httpx_client",
    "httpx2": "httpx_client",
    "aiohttp": "aiohttp_client",
}
"""The libraries that can be patched, each with the module beside this one that knows how."""


@contextmanager
def intercept(interceptor: Interceptor) -> Iterator[None]:
    """Tell ``interceptor`` of every exchange of every known client, in all threads, while the block runs.

    Raises ``UsageError`` for a version of a library that cannot be patched.
    """
    patches = _Patches(interceptor)
    later = _Later(set(LIBRARIES) - set(sys.modules), patches.apply)
    sys.meta_path.insert(0, later)
    try:
        for name in LIBRARIES:
            if name in sys.modules:
                patches.apply(sys.modules[name])
        yield
    finally:
        sys.meta_path.remove(later)
        patches.undo()


class _Patches:
    """What was patched, to be undone."""

    def __init__(self, interceptor: Interceptor) -> None:
        self._interceptor = interceptor
        self._undo: list[Callable[[], None]] = []
        self._over = False
        self._lock = threading.Lock()

    def apply(self, module: ModuleType) -> None:
        """Patch one library."""
        ours: Any = import_module(f"assay.adapters.intercept.{LIBRARIES[module.__name__]}")
        with self._lock:
            if not self._over:
                self._undo.append(ours.patch(module, self._interceptor))

    def undo(self) -> None:
        """Put back what there was."""
        with self._lock:
            self._over = True
            while self._undo:
                self._undo.pop()()


class _Later(MetaPathFinder):
    """Sees the import of a library that is not there yet, and patches it once it is."""

    def __init__(self, names: set[str], apply: Callable[[ModuleType], None]) -> None:
        self._names = names
        self._apply = apply

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:  # noqa: ARG002
        """Find what the other finders find, and watch its loader."""
        if fullname not in self._names:
            return None
        self._names.discard(fullname)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            self._watch(spec)
        return spec

    def _watch(self, spec: ModuleSpec) -> None:
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self._apply(module)

        loader.exec_module = exec_module
