"""Which traffic is judged, and what follows: modes for requests and responses, by operation, header or key.

The rule of this module: a policy is a value. The first override that fits a request wins, field by field nothing is
mixed from two of them; what an override leaves open comes from the policy. Keys are named by their SHA-256, so that a
configuration holds no secret.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from assay.errors import UsageError
from assay.gateway.settings import one_of

if TYPE_CHECKING:
    from assay.messages import Headers

__all__ = ["Choose", "Mode", "Modes", "Override", "Policy", "read_policy"]

Mode = Literal["off", "observe", "enforce"]
"""``off`` looks at nothing, ``observe`` counts and tells, ``enforce`` refuses."""

_MODES = get_args(Mode)
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Modes:
    """What holds for one exchange; ``sample`` is the share of such exchanges that are looked at, 0 to 1."""

    requests: Mode = "observe"
    responses: Mode = "observe"
    sample: float = 1.0

    def __post_init__(self) -> None:
        one_of("requests", self.requests, _MODES)
        one_of("responses", self.responses, _MODES)
        _check_share(self.sample)


Choose = Callable[["str | None", "Headers"], "Modes | Mode | None"]
"""A user's own choice: operation id (None: unknown path) and request headers in, modes out; None leaves it open."""


@dataclass(frozen=True, slots=True)
class Override:
    """Other modes for a part of the traffic: all conditions that are given must hold.

    ``operations`` are operation ids. ``headers`` maps names to accepted values; no values: the header is there.
    ``keys`` are ``sha256:<hex>`` of the bearer token (or of ``x-api-key`` / ``api-key``).
    """

    requests: Mode | None = None
    responses: Mode | None = None
    sample: float | None = None
    operations: tuple[str, ...] = ()
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("requests", "responses"):
            if getattr(self, name) is not None:
                one_of(name, getattr(self, name), _MODES)
        if self.sample is not None:
            _check_share(self.sample)
        if not (self.operations or self.headers or self.keys):
            raise UsageError("an override needs a condition: operations, headers or keys")
        for name in self.headers:
            if not isinstance(name, str) or not _TOKEN.fullmatch(name):
                raise UsageError("an override's headers must be names of header fields")
        for key in self.keys:
            # The text may be a key, so it is not repeated.
            if not isinstance(key, str) or not _SHA256.fullmatch(key):
                raise UsageError("an override's key must be sha256: and 64 hexadecimal digits, never the key itself")

    def fits(self, operation: str | None, headers: Headers) -> bool:
        """Say whether an exchange is meant."""
        if self.operations and operation not in self.operations:
            return False
        for name, values in self.headers.items():
            value = headers.get(name)
            if value is None or (values and value not in values):
                return False
        return not self.keys or _key(headers) in self.keys


@dataclass(frozen=True, slots=True)
class Policy:
    """The modes of all traffic, and of parts of it. ``choose`` is asked first, then ``overrides`` in order."""

    requests: Mode = "observe"
    responses: Mode = "observe"
    sample: float = 1.0
    overrides: tuple[Override, ...] = ()
    choose: Choose | None = None
    _modes: Modes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_modes", Modes(self.requests, self.responses, self.sample))

    @classmethod
    def of(cls, mode: Mode | Policy | Choose) -> Policy:
        """Make a policy of what a user may give: one mode for everything, a policy, or a function that chooses."""
        if isinstance(mode, Policy):
            return mode
        if callable(mode):
            return cls(choose=mode)
        one_of("mode", mode, _MODES)
        # A response that was already paid for is not worth withholding unless that was asked for by name.
        return cls(mode, "off" if mode == "off" else "observe")

    def modes(self, operation: str | None, headers: Headers) -> Modes:
        """Return what holds for a request to an operation (None: of no operation)."""
        if self.choose is not None:
            chosen = self.choose(operation, headers)
            if isinstance(chosen, Modes):
                return chosen
            if chosen is not None:
                policy = Policy.of(chosen)
                return Modes(policy.requests, policy.responses, self.sample)
        for override in self.overrides:
            if override.fits(operation, headers):
                sample = self.sample if override.sample is None else override.sample
                return Modes(override.requests or self.requests, override.responses or self.responses, sample)
        return self._modes


def read_policy(value: Any) -> Policy:
    """Read a policy from the JSON value of a configuration file; raises ``UsageError`` with the place."""
    fields = _fields(value, "the policy", {"requests", "responses", "sample", "overrides"})
    overrides = fields.pop("overrides", [])
    if not isinstance(overrides, list):
        raise UsageError("overrides: expected a list")
    return Policy(**fields, overrides=tuple(_override(one, number) for number, one in enumerate(overrides, 1)))


def _override(value: Any, number: int) -> Override:
    at = f"override {number}"
    fields = _fields(value, at, {"requests", "responses", "sample", "operations", "headers", "keys"})
    for name in ("operations", "keys"):
        if name in fields:
            fields[name] = _texts(fields[name], f"{at}: {name}")
    headers = fields.get("headers", {})
    if not isinstance(headers, dict):
        raise UsageError(f"{at}: headers: expected names with values")
    fields["headers"] = {name: _texts(accepted, f"{at}: {name}") for name, accepted in headers.items()}
    try:
        return Override(**fields)
    except UsageError as error:
        raise UsageError(f"{at}: {error}") from None


def _fields(value: Any, at: str, known: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{at}: expected an object")
    unknown = [str(name) for name in value if name not in known]
    if unknown:
        raise UsageError(f"{at}: unknown field {unknown[0][:40]!r}; known are {', '.join(sorted(known))}")
    return dict(value)


def _texts(value: Any, at: str) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise UsageError(f"{at}: expected a text or a list of texts")
    return tuple(values)


def _check_share(sample: Any) -> None:
    if isinstance(sample, bool) or not isinstance(sample, int | float) or not 0 <= sample <= 1:
        raise UsageError("sample must be a number from 0 to 1")


def _key(headers: Headers) -> str | None:
    """The digest of the key that a request bears."""
    value = headers.get("authorization")
    if value is not None:
        scheme, _, token = value.partition(" ")
        value = token.strip() if scheme.lower() == "bearer" else None
    value = value or headers.get("x-api-key") or headers.get("api-key")
    return f"sha256:{hashlib.sha256(value.encode()).hexdigest()}" if value else None
