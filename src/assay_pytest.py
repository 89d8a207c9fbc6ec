"""The pytest plugin: proof in your own tests that what your code sends is valid, and that what it reads is what it may.

The rule of this module: it holds pytest's hooks and nothing else, and imports nothing of Assay until a test asks for
it, so that a suite that does not use it pays nothing. It asserts nothing, so pytest need not rewrite it
(PYTEST_DONT_REWRITE): told so, pytest does not warn a suite that names it with -p after it was loaded.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from assay.contract import Contract
    from assay.rules.registry import RuleSet
    from assay.testing.observe import Watch  # noqa: F401  the type of what is kept under a key
    from assay.testing.offline import Offline
    from assay.testing.session import Suite, Tape

_MARKER = (
    "assay(description, *, overlays, layer, hosts, off, unknown, mode): check the traffic of this test against a "
    "contract; the settings are those of the configuration (assay_description, ...); mode='off' leaves the test alone"
)
_INI: tuple[tuple[str, Any, Any, str], ...] = (
    (
        "assay_description",
        "string",
        "openai",
        "the contract: 'openai' (bundled), or the path of a description",
    ),
    ("assay_overlays", "linelist", [], "OpenAPI overlays to apply, paths"),
    ("assay_layer", "string", "compat", "compat (what clients can rely on) or strict (every letter)"),
    ("assay_hosts", "linelist", [], "hosts of the contract, globs; default: those of the description's servers"),
    ("assay_off", "linelist", [], "ids of rules to switch off"),
    ("assay_unknown", "string", "warn", "calls that the description does not have: warn, fail or ignore"),
    ("assay_mode", "string", "off", "observe: check every test, as --assay does; off: only marked ones"),
)
_SUITE = pytest.StashKey["Suite"]()
_WATCH = pytest.StashKey["Watch"]()


class Hooks:
    """The hooks that a conftest.py may implement."""

    @pytest.hookspec
    def pytest_assay_rules(self, config: pytest.Config) -> Iterable[RuleSet]:
        """Return rule sets of your own (``assay.rules.registry.RuleSet``); they judge beside Assay's."""
        raise NotImplementedError


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare our hooks."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options and settings."""
    group = parser.getgroup("assay", "contract tests of OpenAI-style APIs (assay)")
    group.addoption("--assay", action="store_true", help="Check all traffic with the contract's hosts, in every test.")
    group.addoption("--assay-record", action="store_true", help="Use the network and write a cassette for each test.")
    group.addoption(
        "--assay-replay", action="store_true", help="Use no network: a test without a cassette fails at its first call."
    )
    group.addoption("--assay-live", action="store_true", help="Use the network, whether there are cassettes or not.")
    group.addoption(
        "--assay-coverage",
        action="store_true",
        help="Tell at the end what the operations that were called may answer and no test has seen.",
    )
    group.addoption("--assay-coverage-full", action="store_true", help="Likewise, and name all of it.")
    group.addoption("--assay-fail-under", type=float, metavar="N", help="Fail when that coverage is under N percent.")
    group.addoption(
        "--assay-target",
        metavar="URL|MODULE:APP",
        help="Test a server too: a URL, or an ASGI or WSGI application of this process; one item per operation and "
        "kind of finding.",
    )
    group.addoption("--assay-model", metavar="NAME", help="The model to use with the target.")
    group.addoption(
        "--assay-requests", type=int, default=60, metavar="N", help="Requests for one operation of the target (60)."
    )
    group.addoption(
        "--assay-baseline", metavar="FILE", help="Findings in this file are known, as for assay run, and fail no item."
    )
    for name, kind, default, text in _INI:
        parser.addini(name, text, type=kind, default=default)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", _MARKER)
    config.addinivalue_line("markers", "assay_target: an item of --assay-target")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the items of a server under test."""
    target = config.getoption("--assay-target")
    if target is None:
        return
    from assay.conformance.run_rules import parted  # noqa: PLC0415
    from assay.errors import AssayError  # noqa: PLC0415
    from assay.testing.target import Asked, Bench, collected  # noqa: PLC0415

    option = config.getoption
    try:
        suite = _suite(config)
        folder, known = config.invocation_params.dir, option("--assay-baseline")
        asked = Asked(
            target,
            str(folder),
            option("--assay-requests"),
            option("--assay-model"),
            off=parted(suite.settings.off)[0],
            baseline=None if known is None else str(folder / known),
        )
        bench = Bench(suite.contract(suite.settings), asked)
    except AssayError as error:
        raise pytest.UsageError(f"assay: {error}") from error
    config.add_cleanup(bench.close)
    for item in collected(session, bench):
        item.add_marker("assay_target")
        if config.pluginmanager.hasplugin("xdist"):
            # With --dist loadgroup an operation is tested once; without it, once in each worker that has an item.
            item.add_marker(pytest.mark.xdist_group(item.name.partition("[")[0]))
        items.append(item)


@pytest.fixture
def assay_contract(request: pytest.FixtureRequest) -> Contract:
    """The contract that this test's traffic is checked against; override it to use one of your own.

    An override may return one ``assay.Contract`` or several.
    """
    suite = _suite(request.config)
    return suite.contract(suite.settings_of(_marks(request.node))[0])


@pytest.fixture
def assay(request: pytest.FixtureRequest, assay_contract: Contract) -> Offline:
    """Answers instead of the network: ``assay.respond(...)``, ``assay.stream(...)``, ``assay.error(...)``.

    What a test makes it answer is checked against the contract; a call that it has no answer for fails the test.
    """
    from assay.testing.offline import Offline  # noqa: PLC0415

    watch = request.node.stash[_WATCH]
    watch.anywhere = True
    answers = watch.answers = Offline(assay_contract)
    return answers


@pytest.fixture(autouse=True)
def _assay_scopes(request: pytest.FixtureRequest) -> None:
    """Let an override of ``assay_contract`` have its way."""
    watch = request.node.stash.get(_WATCH, None)
    if watch is None:
        return
    given = request.getfixturevalue("assay_contract")
    contracts = given if isinstance(given, list | tuple) else [given]
    if [scope.contract for scope in watch.scopes[: len(contracts)]] != [*contracts]:
        suite = _suite(request.config)
        settings = suite.settings_of(_marks(request.node))[0]
        watch.scopes[:] = [suite.scope(settings, contract) for contract in contracts]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Watch a test from its first fixture to its last."""
    marks = _marks(item)
    config = item.config
    if not _watched(item, marks):
        return (yield)
    from assay.errors import AssayError  # noqa: PLC0415  nothing of Assay is imported before a test asks for it

    try:
        suite = _suite(config)
        settings = suite.settings_of(marks)
        for one in settings:
            suite.contract(one)
    except AssayError as error:
        raise pytest.UsageError(f"assay: {error}") from error
    with suite.watching(settings, _tape(item)) as watch:
        item.stash[_WATCH] = watch
        try:
            return (yield)
        finally:
            del item.stash[_WATCH]


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Let ``given_response``, where a test module has imported it, use the contract of the test."""
    given = sys.modules.get("assay.testing.given")
    if given is None:
        return (yield)
    suite = _suite(pyfuncitem.config)
    with given.using(lambda: suite.contract(suite.settings_of(_marks(pyfuncitem))[0])):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Fail the setup whose traffic broke the contract."""
    result = yield
    return _checked(item, result)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail the test whose traffic broke the contract."""
    result = yield
    return _checked(item, result)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Fail the teardown whose traffic broke the contract."""
    result = yield
    return _checked(item, result)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the message of the contract first, whatever else went wrong."""
    report = yield
    watch = item.stash.get(_WATCH, None)
    if watch is not None:
        from assay.testing.reporting import told  # noqa: PLC0415

        told(report, call, watch)
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Tell what is no failure: hazards, and calls that could not be judged."""
    suite = config.stash.get(_SUITE, None)
    if suite is None:
        return
    from assay.testing.reporting import summary  # noqa: PLC0415

    option = config.getoption
    summary(terminalreporter, suite, full=option("--assay-coverage-full"), under=option("--assay-fail-under"))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what this worker has seen to the controller; there, fail a run that covers too little."""
    config = session.config
    suite = config.stash.get(_SUITE, None)
    output = getattr(config, "workeroutput", None)
    if suite is None:
        return
    if output is not None:
        output["assay"] = suite.dumped()
        return
    under = config.getoption("--assay-fail-under")
    covered = suite.coverage.totals.percent if suite.coverage is not None else 0.0
    if under is not None and covered < under and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:  # noqa: ARG001  xdist's names
    """Take what a worker has seen."""
    told = getattr(node, "workeroutput", {}).get("assay")
    if told is not None:
        _suite(node.config).merge(told)


def _watched(item: pytest.Item, marks: list[dict[str, Any]]) -> bool:
    """Whether a test asks to be watched, or all are."""
    if "assay" in getattr(item, "fixturenames", ()):
        return True
    if item.get_closest_marker("assay_target") or (marks and marks[0].get("mode") == "off"):
        return False
    if marks:
        return True
    options = ("--assay", "--assay-record", "--assay-replay", "--assay-live")
    asked = _covering(item.config) or any(item.config.getoption(name) for name in options)
    return asked or item.config.getini("assay_mode") != "off"


def _covering(config: pytest.Config) -> bool:
    options = ("--assay-coverage", "--assay-coverage-full")
    return any(config.getoption(name) for name in options) or config.getoption("--assay-fail-under") is not None


def _tape(item: pytest.Item) -> Tape | None:
    """The cassette of a test, and what is to be done with it."""
    from assay.testing.replay import cassette_of  # noqa: PLC0415
    from assay.testing.session import Tape  # noqa: PLC0415

    option = item.config.getoption
    if option("--assay-live"):
        return None
    mode: Any = "record" if option("--assay-record") else "only" if option("--assay-replay") else "auto"
    name = item.nodeid.partition("::")[2].replace("::", ".")
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Tape(cassette_of(item.path, name), mode, moment)


def _checked(item: pytest.Item, result: object) -> object:
    __tracebackhide__ = True
    watch = item.stash.get(_WATCH, None)
    if watch is not None:
        watch.check()
    return result


def _suite(config: pytest.Config) -> Suite:
    """The suite of this run, made when a test first asks for it."""
    suite = config.stash.get(_SUITE, None)
    if suite is None:
        from assay.testing.session import Suite  # noqa: PLC0415
        from assay.testing.settings import Settings  # noqa: PLC0415

        given = {name.removeprefix("assay_"): config.getini(name) for name, *_ in _INI}
        rules = [rule_set for sets in config.hook.pytest_assay_rules(config=config) for rule_set in sets]
        suite = config.stash[_SUITE] = Suite(Settings().changed(given), config.rootpath, rules)
        if _covering(config):
            suite.cover()
    return suite


def _marks(item: Any) -> list[dict[str, Any]]:
    """What the markers of a test say, the nearest first."""
    marks = []
    for mark in item.iter_markers("assay"):
        given = dict(mark.kwargs)
        if mark.args:
            given["description"] = mark.args[0]
        marks.append(given)
    return marks
