"""The plan of the house, held by tests: floors, rooms of side effects, sizes, headers.

The rule of this module: it reads source text only and imports nothing of Assay, so what runs cannot fool it.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "assay"
MODULES = sorted(SOURCE.rglob("*.py"))

# Lower number, lower floor. A module may import only from rooms strictly below its own, or from its own room.
FLOORS = {
    "errors": 0,
    "violation": 1,
    "messages": 1,
    "model": 1,
    "spec": 2,
    "schema": 2,
    "wire": 2,
    "rules": 3,
    "contract": 4,
    "generate": 4,
    "gateway": 4,
    "page": 4,
    "conformance": 5,
    "adapters": 5,
    "reference": 5,
    "audit": 5,
    "testing": 6,
    "diff": 5,
    "commands": 6,
    "cli": 6,
    "__main__": 7,
}
EXCEPTIONS = {("cli", "commands")}

# The order of the modules inside a room, lowest first: a module may import only those before it.
ORDER = {
    "spec": [
        "notes",
        "yaml_text",
        "text",
        "dialect",
        "refs",
        "walk",
        "objects",
        "servers",
        "overlay",
        "read",
        "cache",
        "compiling",
        "load",
        "profiles",
    ],
    "schema": [
        "formats",
        "places",
        "failures",
        "direction",
        "algebra",
        "closest",
        "explain",
        "engines",
        "oracle",
        "check",
    ],
}

# Side effects and their only rooms: a module whose import means the side effect -> the places that may import it.
SIDE_EFFECTS = {
    "socket": ("adapters",),
    "http": ("adapters",),
    "urllib3": ("adapters",),
    "httpx2": ("adapters",),
    "requests": ("adapters",),
    "uvicorn": ("adapters",),
    "aiohttp": ("adapters",),
    "multiprocessing": ("adapters", "audit"),
    "fsspec": ("audit",),
    "pyarrow": ("audit",),
    "ray": ("audit",),
    "grpc": ("adapters",),
    "prometheus_client": ("adapters",),
    "opentelemetry": ("adapters",),
    "logging": ("adapters", "commands"),
    "hypothesis": ("generate", "conformance", "testing"),
    "random": ("generate", "conformance"),
    "jinja2": ("page",),
    "yaml": ("spec", "audit"),
    "pathlib": ("spec", "conformance", "audit", "testing", "commands", "cli"),
    "rich": ("conformance", "commands", "cli"),
    "click": ("commands", "cli"),
    "time": ("adapters", "conformance", "commands", "cli"),
}

LINES_PER_FILE = 460
LINES_PER_FUNCTION = 62
PARAMETERS = 6


def module_name(path: Path) -> str:
    """Dotted name inside the package, e.g. ``spec.load``; ``""`` for the face."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(name: str) -> str:
    """The room of a module: the first step of its dotted name."""
    return name.partition(".")[0]


def imports(path: Path) -> Iterator[str]:
    """Yield every imported dotted name, in-function and type-only imports too; relative ones are resolved."""
    package = ["assay", *path.relative_to(SOURCE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield stem
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def inner(path: Path) -> set[str]:
    """The modules of Assay that a file imports, as dotted names inside the package."""
    names = {module_name(other) for other in MODULES}
    found = {name.removeprefix("assay.") for name in imports(path) if name.startswith("assay.")}
    return {name for name in found if name in names}


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_go_downward(path: Path) -> None:
    """A module imports only from lower floors or from its own room."""
    name = module_name(path)
    if not name:
        pytest.skip("the face hands on names from every floor")
    mine = room(name)
    assert mine in FLOORS, f"{mine} has no floor: add it to FLOORS and to docs/architecture.md"
    for other in inner(path):
        theirs = room(other)
        if theirs == mine or (mine, theirs) in EXCEPTIONS:
            continue
        assert FLOORS[theirs] < FLOORS[mine], f"{name} imports {other}, which is not below it"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_modules_of_a_room_keep_their_order(path: Path) -> None:
    """Inside an ordered room a module imports only those that stand before it."""
    name = module_name(path)
    order = ORDER.get(room(name), [])
    stem = name.partition(".")[2]
    if stem not in order:
        pytest.skip("this room has no order")
    for other in inner(path):
        if room(other) == room(name) and other.partition(".")[2] in order:
            assert order.index(other.partition(".")[2]) < order.index(stem), f"{name} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_side_effects_stay_in_their_rooms(path: Path) -> None:
    """A module that can touch the world is imported only in the rooms kept for it."""
    mine = room(module_name(path))
    for imported in imports(path):
        rooms = SIDE_EFFECTS.get(imported.partition(".")[0])
        assert rooms is None or mine in rooms, f"{module_name(path)} imports {imported}; only {rooms} may"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_only_the_roof_and_reports_print(path: Path) -> None:
    """Nothing calls print() or opens files outside the rooms for it."""
    mine = module_name(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print" or room(mine) == "cli", f"{mine}:{node.lineno} prints"
            assert node.func.id != "open" or mine == "spec.load", f"{mine}:{node.lineno} opens a file"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_files_and_functions_stay_small(path: Path) -> None:
    """A file or function that outgrows its bound is split by concept."""
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LINES_PER_FILE, f"{path.name} has {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LINES_PER_FUNCTION, f"{path.name}:{node.name} has {length} lines"
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            counted = [a for a in arguments if a.arg not in ("self", "cls")]
            decorated = any("option" in ast.unparse(d) or "argument" in ast.unparse(d) for d in node.decorator_list)
            face = (path.parent.name, node.name) == ("contract", "load")
            assert decorated or face or len(counted) <= PARAMETERS, (
                f"{path.name}:{node.name} has {len(counted)} parameters"
            )


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_every_module_opens_with_its_rule(path: Path) -> None:
    """Each module starts with a docstring that says what it is."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert text, f"{path.name} has no docstring"
    if path.name != "__init__.py":
        assert "rule" in text.lower(), f"{path.name} does not say which rule it keeps"


def test_the_face_stays_small() -> None:
    """The package hands on at most 15 names and defines none."""
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    defined = [n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    assert all(name in {"__getattr__", "__dir__"} for name in defined), defined
    names = [
        element.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        for element in ast.walk(node.value)
        if isinstance(element, ast.Constant)
    ]
    assert len(names) <= 15, names


def test_no_folder_is_named_for_a_kind_of_code() -> None:
    """Folders are nouns of the domain."""
    banned = {"utils", "util", "helpers", "common", "factories", "types", "misc"}
    assert not [path for path in MODULES if banned & {*path.relative_to(SOURCE).with_suffix("").parts}]


def test_test_files_have_names_of_their_own() -> None:
    """Test folders are no packages, so two files of one name would shadow each other."""
    names = [path.name for path in TESTS.rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))
