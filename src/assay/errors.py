"""Floor 0: every exception Assay raises on purpose, in one tree.

The rule of this module: an exception says whose fault it is by its class, and carries one line that a person
can act on. A broken rule of the contract is *not* an exception: it is a ``Violation``, a value.

    AssayError                     catch this to catch them all
    ├── DescriptionError           the description (or a file it refers to) cannot be used
    │   ├── ReferenceRefused       a $ref leads out of the tree or to the network, and was not allowed by name
    │   └── OverlayError           an overlay document cannot be used
    ├── TargetError                the server under test cannot be reached or does not speak HTTP
    └── UsageError                 the caller asked for something that does not exist
"""

from __future__ import annotations

__all__ = ["AssayError", "DescriptionError", "OverlayError", "ReferenceRefused", "TargetError", "UsageError"]


class AssayError(Exception):
    """Base of all errors that Assay raises on purpose; ``str(error)`` is one line for people."""


class DescriptionError(AssayError):
    """A description cannot be used.

    ``source`` names the file or object, ``pointer`` the place in it (a URI fragment such as
    ``#/components/schemas/Pet``, or ``""`` when the whole document is meant).
    """

    def __init__(self, message: str, *, source: str = "", pointer: str = "") -> None:
        self.message = message
        self.source = source
        self.pointer = pointer
        where = f"{source}{pointer}"
        super().__init__(f"{where}: {message}" if where else message)


class ReferenceRefused(DescriptionError):  # noqa: N818  a refusal is what happened, not an error in the text
    """A ``$ref`` leads to a URL or to a file outside the description's folder, and was not allowed by name."""


class OverlayError(DescriptionError):
    """An overlay document cannot be read or applied."""


class TargetError(AssayError):
    """The server under test cannot be reached, or what answers does not speak HTTP."""


class UsageError(AssayError):
    """The caller named an operation, rule, option or file that does not exist."""
