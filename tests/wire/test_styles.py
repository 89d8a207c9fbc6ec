"""Every cell of OpenAPI's table of style values: the text it must have, and reading as the inverse of writing.

The rule of these tests: the expected texts are those of the OpenAPI specification's own style examples.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.messages import Headers
from assay.model import Parameter, Shape
from assay.wire.styles import Reader, Reading, write

STRING = Shape(frozenset({"string"}))
INTEGER = Shape(frozenset({"integer"}))
NUMBER = Shape(frozenset({"number"}))
BOOLEAN = Shape(frozenset({"boolean"}))
STRINGS = Shape(frozenset({"array"}), items=STRING)
INTEGERS = Shape(frozenset({"array"}), items=INTEGER)
RGB = Shape(frozenset({"object"}), properties={"R": INTEGER, "G": INTEGER, "B": INTEGER})

COLOURS = ["blue", "black", "brown"]
OBJECT = {"R": 100, "G": 200, "B": 150}


class Cell(NamedTuple):
    """One cell: where, how, what, and the text that the specification's example has."""

    location: str
    style: str
    explode: bool
    type: str
    text: str


def _cells() -> list[Cell]:
    table = {
        ("path", "matrix"): (";color=blue", ";color=blue,black,brown", ";color=blue;color=black;color=brown",
                             ";color=R,100,G,200,B,150", ";R=100;G=200;B=150"),
        ("path", "label"): (".blue", ".blue,black,brown", ".blue.black.brown",
                            ".R,100,G,200,B,150", ".R=100.G=200.B=150"),
        ("path", "simple"): ("blue", "blue,black,brown", "blue,black,brown",
                             "R,100,G,200,B,150", "R=100,G=200,B=150"),
        ("query", "form"): ("color=blue", "color=blue,black,brown", "color=blue&color=black&color=brown",
                            "color=R,100,G,200,B,150", "R=100&G=200&B=150"),
        ("query", "spaceDelimited"): ("color=blue", "color=blue%20black%20brown", "color=blue&color=black&color=brown",
                                      "color=R%20100%20G%20200%20B%20150", "R=100&G=200&B=150"),
        ("query", "pipeDelimited"): ("color=blue", "color=blue%7Cblack%7Cbrown", "color=blue&color=black&color=brown",
                                     "color=R%7C100%7CG%7C200%7CB%7C150", "R=100&G=200&B=150"),
        ("header", "simple"): ("blue", "blue,black,brown", "blue,black,brown",
                               "R,100,G,200,B,150", "R=100,G=200,B=150"),
        ("cookie", "form"): ("color=blue", "color=blue,black,brown", "color=blue&color=black&color=brown",
                             "color=R,100,G,200,B,150", "R=100&G=200&B=150"),
    }  # fmt: skip
    cells = []
    for (location, style), (scalar, flat, exploded, flat_object, exploded_object) in table.items():
        for explode in (False, True):
            cells.append(Cell(location, style, explode, "string", scalar))
            cells.append(Cell(location, style, explode, "array", exploded if explode else flat))
            cells.append(Cell(location, style, explode, "object", exploded_object if explode else flat_object))
    return cells


CELLS = _cells()
# OpenAPI 3.2 adds the cookie style; deepObject has one cell of its own.
MORE = [
    *(
        Cell("cookie", "cookie", explode, kind, text)
        for explode, kind, text in (
            (False, "string", "color=blue"),
            (True, "string", "color=blue"),
            (False, "array", "color=blue,black,brown"),
            (True, "array", "color=blue; color=black; color=brown"),
            (False, "object", "color=R,100,G,200,B,150"),
            (True, "object", "R=100; G=200; B=150"),
        )
    ),
    Cell("query", "deepObject", explode=True, type="object", text="color[R]=100&color[G]=200&color[B]=150"),
]
SHAPES = {"string": STRING, "array": STRINGS, "object": RGB}
VALUES: dict[str, Any] = {"string": "blue", "array": COLOURS, "object": OBJECT}
ids = [f"{c.location}-{c.style}-{'explode' if c.explode else 'flat'}-{c.type}" for c in [*CELLS, *MORE]]


def parameter(cell: Cell, **more: Any) -> Parameter:
    """The parameter of a cell, named ``color``."""
    return Parameter("color", cell.location, "s", style=cell.style, explode=cell.explode, **more)


def read(one: Parameter, shape: Shape | None, text: str) -> Reading:
    """Read one parameter from its text, put where the parameter stands."""
    reader = Reader([one], {} if shape is None else {"s": shape})
    path = {one.name: text} if one.location == "path" else {}
    query = text if one.location in ("query", "querystring") else ""
    fields = {"cookie": text} if one.location == "cookie" else {one.name: text} if one.location == "header" else {}
    return reader.read(path, query, Headers(fields)).values[0]


def test_there_are_forty_eight_cells() -> None:
    """The table is complete: 8 styles of places, exploded or not, three types."""
    assert len(CELLS) == len({cell[:4] for cell in CELLS}) == 48
    assert {cell[:4] for cell in CELLS} == {
        (location, style, explode, kind)
        for (location, style), explode, kind in product({c[:2] for c in CELLS}, (False, True), SHAPES)
    }


@pytest.mark.parametrize("cell", [*CELLS, *MORE], ids=ids)
def test_a_cell_is_written_and_read_as_the_specification_shows(cell: Cell) -> None:
    """The specification's own example has this text, and the text gives the value back, first."""
    one, shape, value = parameter(cell), SHAPES[cell.type], VALUES[cell.type]
    assert write(one, shape, value) == cell.text
    reading = read(one, shape, cell.text)
    assert reading.problem is None
    assert reading.present
    assert reading.candidates[0] == value


# Texts made of delimiters, escapes and letters; a cookie and a header cannot be empty at their ends.
text = st.text(st.sampled_from("ab ,;=&|%+./?#[]\"\\é€😀-_~:@!$'()*0"), max_size=6)
scalars = {"string": (STRING, text), "integer": (INTEGER, st.integers()), "boolean": (BOOLEAN, st.booleans())}
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers()
scalars["number"] = (NUMBER, numbers)


def values_of(cell: Cell) -> list[tuple[Shape, st.SearchStrategy[Any]]]:
    """The shapes of a cell's type with the values that the cell can carry."""
    if cell.type == "string":
        return list(scalars.values())
    if cell.type == "array":
        return [
            (Shape(frozenset({"array"}), items=shape), st.lists(some, max_size=4)) for shape, some in scalars.values()
        ]
    shapes = {name: shape for name, (shape, _) in scalars.items()}
    least = 1 if cell.explode or cell.style == "deepObject" else 0
    drawn = st.fixed_dictionaries({}, optional={name: some for name, (_, some) in scalars.items()})
    return [(Shape(frozenset({"object"}), properties=shapes), drawn.filter(lambda value: len(value) >= least))]


@pytest.mark.parametrize("cell", [*CELLS, *MORE], ids=ids)
def test_reading_undoes_writing(cell: Cell) -> None:
    """In every cell the value that was written is among the candidates that are read."""
    tried = 0
    one = parameter(cell)
    drawn = st.one_of([st.tuples(st.just(shape), some) for shape, some in values_of(cell)])

    @settings(max_examples=120, deadline=None, database=None)
    @given(drawn)
    def undone(pair: tuple[Shape, Any]) -> None:
        nonlocal tried
        tried += 1
        shape, value = pair
        written = write(one, shape, value)
        reading = read(one, shape, written)
        assert reading.problem is None, written
        assert any(same(value, candidate) for candidate in reading.candidates), (written, reading.candidates)

    undone()
    assert tried >= 100


def same(one: Any, other: Any) -> bool:
    """Equal, with true and 1 told apart."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other and isinstance(one, bool) == isinstance(other, bool)
