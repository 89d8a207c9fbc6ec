"""Reading parameters at the edges: what counts as a number, what is missing, empty, repeated or malformed.

The rule of these tests: each names the text as it stands on the wire and the candidates it must give.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.messages import Headers
from assay.model import Parameter, Shape
from assay.wire.literals import combine, literals
from assay.wire.problem import Problem
from assay.wire.styles import Reader, Reading, write


def shape(*types: str, **more: Any) -> Shape:
    """A shape of the given types."""
    return Shape(frozenset(types), **more)


STRINGS = shape("array", items=shape("string"))
INTEGERS = shape("array", items=shape("integer"))


def query(text: str, a_shape: Shape | None, **more: Any) -> Reading:
    """Read a query with one parameter, ``q``."""
    one = Parameter("q", "query", "s", **{"style": "form", "explode": True, **more})
    return Reader([one], {"s": a_shape} if a_shape else {}).read({}, text, Headers()).values[0]


@pytest.mark.parametrize(
    "text",
    ["1_000", " 1", "1 ", "+1", "0x1", "1e", "nan", "NaN", "Infinity", "\u0661", "01", "1.", ".5", "--1", "1e400", ""],
)
def test_what_json_does_not_spell_as_a_number_is_a_text(text: str) -> None:
    """Python's leniency does not reach the wire."""
    assert literals(text, shape("integer", "number")) == (text,)


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("-12", -12), ("1.5", 1.5), ("1.0", 1.0), ("1e2", 100.0), ("9" * 60, int("9" * 60))]
)
def test_numbers_are_exact(text: str, value: float) -> None:
    """Integers of any size are exact, and a fraction stays a float."""
    assert literals(text, shape("integer")) == (value,)
    assert type(literals(text, shape("integer"))[0]) is type(value)


@pytest.mark.parametrize("text", ["True", "TRUE", "1", "0", "yes", "on", ""])
def test_booleans_are_true_and_false_only(text: str) -> None:
    """No other spelling is a boolean."""
    assert literals(text, shape("boolean")) == (text,)
    assert literals("true", shape("boolean")) == (True,)
    assert literals("false", shape("boolean")) == (False,)


def test_an_ambiguous_text_gives_every_reading() -> None:
    """The most specific reading comes first, the text itself last."""
    assert literals("1", shape("string", "integer")) == (1, "1")
    assert literals("null", shape("string", "null")) == (None, "null")
    assert literals("", shape("integer", "null")) == (None,)
    assert literals("true", shape("string", "boolean", "integer")) == (True, "true")
    assert literals("5", None) == ("5",)
    assert literals("5", Shape()) == ("5",)
    assert literals('{"a": 1}', shape("object")) == ({"a": 1},)
    assert literals("{", shape("object")) == ("{",)


def test_combinations_stay_bounded() -> None:
    """A thousand ambiguous items give a handful of arrays, of which the most specific comes first."""
    few = combine([(1, "1"), (2, "2")])
    assert few == [[1, 2], [1, "2"], ["1", 2], ["1", "2"]]
    assert combine([(1, "1")] * 8) == [[1] * 8, ["1"] * 8]
    many = combine([(1, "1")] * 1000)
    assert many == [[1] * 1000, ["1"] * 1000]


def test_an_encoded_delimiter_is_data() -> None:
    """Texts are split before they are decoded."""
    assert query("q=a%2Cb,c", STRINGS, explode=False).candidates == (["a,b", "c"],)
    assert query("q=a%26b&q=c%3Dd", STRINGS).candidates == (["a&b", "c=d"],)
    reader = Reader([Parameter("p", "path", "s", style="simple")], {"s": STRINGS})
    assert reader.read({"p": "a%2Cb,c"}, "", Headers()).values[0].candidates == (["a,b", "c"],)


def test_plus_is_a_space_in_a_query_and_itself_in_a_path() -> None:
    """A query is form text, a path is not."""
    assert query("q=a+b%20c%2B", shape("string")).candidates == ("a b c+",)
    reader = Reader([Parameter("p", "path", "s")], {"s": shape("string")})
    assert reader.read({"p": "a+b%20c"}, "", Headers()).values[0].candidates == ("a+b c",)


@pytest.mark.parametrize("text", ["%zz", "%", "%4", "a%2", "%ff", "%C3%28", "%ED%A0%80"])
@pytest.mark.parametrize("location", ["path", "query"])
def test_malformed_encoding_is_a_problem(text: str, location: str) -> None:
    """Broken percent-encoding and broken UTF-8 are told apart from values, and never raise."""
    one = Parameter("q", location, "s", style="simple" if location == "path" else "form")
    reading = Reader([one], {"s": shape("string")}).read({"q": text}, f"q={text}", Headers()).values[0]
    assert isinstance(reading.problem, Problem)
    assert reading.present
    assert reading.candidates == ()


def test_a_problem_repeats_nothing() -> None:
    """What was sent does not stand in the problem."""
    for text in ("q=%zzSECRET", "q[SECRET=1", "q[a]=SECRET&q[a][SECRET]=1"):
        assert "SECRET" not in str(query(text, shape("object"), style="deepObject").problem)


def test_a_malformed_name_is_a_problem_of_the_query() -> None:
    """A name that cannot be decoded belongs to no parameter."""
    readings = Reader([Parameter("q", "query", None, style="form", explode=True)], {}).read({}, "%zz=1&a=2", Headers())
    assert readings.problem is not None
    assert readings.undeclared == ("a",)


def test_missing_and_empty_are_told_apart() -> None:
    """An empty value is present; a name that does not come is absent."""
    assert query("", shape("string")) == query("other=1", shape("string"))
    assert not query("other=1", shape("string")).present
    assert query("q=", shape("string")).candidates == ("",)
    assert query("q", shape("string")).candidates == ("",)
    assert query("q=", INTEGERS, explode=False).candidates == ([], [""])
    assert query("q=", INTEGERS).candidates == ([], [""])
    assert query("q=", shape("integer", "null")).candidates == (None,)


def test_a_repeated_scalar_is_an_array() -> None:
    """What a scalar parameter holds twice is shown to the schema as the array it is."""
    assert query("q=1&q=2", shape("integer")).candidates == (["1", "2"],)
    assert query("q=1,2&q=3", INTEGERS, explode=False).problem is not None


def test_arrays_in_brackets_are_read_and_named() -> None:
    """The spelling of the OpenAI clients is read as the array it means, and can be told from the description's."""
    reading = query("q[]=1&q%5B%5D=2", INTEGERS)
    assert reading.candidates == ([1, 2],)
    assert reading.spelled == "q[]"
    declared = [Parameter(name, "query", "s", style="form", explode=True) for name in ("q", "q[]")]
    first, second = Reader(declared, {"s": INTEGERS}).read({}, "q[]=1", Headers()).values
    assert not first.present
    assert second.candidates == ([1],)
    assert second.spelled is None


def test_deep_objects() -> None:
    """Brackets build objects, arrays and what stands inside them, by the shape."""
    inner = shape("object", properties={"a": shape("integer"), "l": INTEGERS, "d": shape("object")})
    text = "q[a]=1&q[l][]=1&q[l][]=2&q[d][x]=y&q%5Bz%5D=%5B"
    reading = query(text, inner, style="deepObject")
    assert reading.candidates == ({"a": 1, "l": [1, 2], "d": {"x": "y"}, "z": "["},)
    assert query("q[l][1]=b&q[l][0]=5", inner, style="deepObject").candidates == ({"l": [5, "b"]},)
    text = "&".join(f"q[l][{index}]={index}" for index in (10, 2, 1, 0))
    assert query(text, inner, style="deepObject").candidates == ({"l": [0, 1, 2, 10]},)
    assert query("q[l]=1&q[l]=2", inner, style="deepObject").candidates == ({"l": [1, 2]},)
    assert query("q=1", inner, style="deepObject").candidates == ("1",)
    assert query("q[a=1", inner, style="deepObject").problem is not None
    assert query("q[a]=1&q[a][b]=2", inner, style="deepObject").problem is not None
    assert query("q" + "[a]" * 5000 + "=1", inner, style="deepObject").problem is not None
    assert not query("qq[a]=1", inner, style="deepObject").present


def test_an_exploded_object_takes_its_properties_only() -> None:
    """Names of other parameters are not swept up, and what no parameter takes is undeclared."""
    person = shape("object", properties={"name": shape("string"), "age": shape("integer")})
    declared = [
        Parameter("q", "query", "person", style="form", explode=True),
        Parameter("limit", "query", "limit", style="form", explode=True),
    ]
    shapes = {"person": person, "limit": shape("integer")}
    readings = Reader(declared, shapes).read({}, "name=Ann&limit=3&age=7&x=1&x=2", Headers())
    assert [reading.candidates for reading in readings.values] == [({"name": "Ann", "age": 7},), (3,)]
    assert readings.undeclared == ("x",)
    shapes["person"] = shape("object", properties=person.properties, additional=shape("integer"))
    readings = Reader(declared, shapes).read({}, "name=Ann&limit=3&x=1", Headers())
    assert readings.values[0].candidates == ({"name": "Ann", "x": 1},)
    assert readings.undeclared == ()


def test_an_exploded_object_may_come_in_brackets() -> None:
    """Brackets are read for an object whose description gives no style, and the spelling is told."""
    pairs = shape("object", additional=shape("string"))
    reading = query("q[k]=v+w&limit=2", pairs)
    assert reading.candidates == ({"k": "v w"},)
    assert reading.spelled == "q[]"


def test_parameters_described_by_content() -> None:
    """JSON in a parameter is parsed; JSON that is broken is a problem."""
    good = query('q={"a":%20[1,%202]}', None, media_type="application/json")
    assert good.candidates == ({"a": [1, 2]},)
    assert query("q={", None, media_type="application/json").problem is not None
    assert query("q=1&q=2", None, media_type="application/json").problem is not None
    one = Parameter("q", "query", None, media_type="application/json")
    assert write(one, None, {"a": "ü&"}) == "q=%7B%22a%22%3A%22%C3%BC%26%22%7D"


def test_the_whole_query_as_one_parameter() -> None:
    """OpenAPI 3.2's querystring is read as a form or as JSON, and leaves no name undeclared."""
    form = Parameter("any", "querystring", "s", media_type="application/x-www-form-urlencoded")
    pair = shape("object", properties={"a": shape("integer"), "b": STRINGS})
    readings = Reader([form], {"s": pair}).read({}, "a=1&b=x&b=y", Headers())
    assert readings.values[0].candidates == ({"a": 1, "b": ["x", "y"]},)
    assert readings.undeclared == ()
    as_json = Parameter("any", "querystring", "s", media_type="application/json")
    assert Reader([as_json], {"s": pair}).read({}, "%7B%22a%22:1%7D", Headers()).values[0].candidates == ({"a": 1},)
    assert not Reader([as_json], {"s": pair}).read({}, "", Headers()).values[0].present
    assert write(form, pair, {"a": 1}) == "a=1"


def test_headers() -> None:
    """Names compare without case, list items may be padded, and Accept, Content-Type, Authorization are ignored."""
    declared = [Parameter(name, "header", "s") for name in ("X-Ids", "Accept", "content-type", "AUTHORIZATION")]
    reader = Reader(declared, {"s": INTEGERS})
    assert [one.name for one in reader.ignored] == ["Accept", "content-type", "AUTHORIZATION"]
    (reading,) = reader.read({}, "", Headers([("x-ids", "1, 2"), ("X-IDS", "3")])).values
    assert reading.candidates == ([1, 2, 3],)
    text = Parameter("X-Note", "header", "s")
    (reading,) = Reader([text], {"s": shape("string")}).read({}, "", Headers({"x-note": "100% a, b"})).values
    assert reading.candidates == ("100% a, b",)


def test_texts_made_to_be_slow_take_linear_time() -> None:
    """Blanks, brackets, escapes and delimiters without end are read in bounded time."""
    listed = Reader([Parameter("x", "header", "s")], {"s": INTEGERS})
    begun = time.perf_counter()
    for text in (" " * 500_000 + "x", "1," * 100_000, "%2C" * 200_000):
        assert listed.read({}, "", Headers({"x": text})).values[0].present
    for text in ("q[" * 300_000, "q[a]=1&" * 100_000, "q=" + "+" * 500_000, "&=" * 300_000, "q" + "[]" * 300_000):
        query(text, shape("object"), style="deepObject")
        query(text, INTEGERS)
    assert time.perf_counter() - begun < 10


def test_cookies() -> None:
    """Cookies are read from every Cookie field, and exploded arrays in both spellings."""
    one = Parameter("c", "cookie", "s", style="form", explode=True)
    reader = Reader([one], {"s": STRINGS})
    for fields in ([("cookie", "a=1; c=x; c=y")], [("cookie", "c=x&c=y; a=1")], [("cookie", "c=x"), ("Cookie", "c=y")]):
        assert reader.read({}, "", Headers(fields)).values[0].candidates == (["x", "y"],)
    assert not reader.read({}, "", Headers({"cookie": "cc=1"})).values[0].present
    plain = Reader([Parameter("c", "cookie", "s", style="cookie")], {"s": shape("string")})
    assert plain.read({}, "", Headers({"cookie": "c=a%20b+c"})).values[0].candidates == ("a%20b+c", "a b+c")


def test_path_styles_want_their_prefix() -> None:
    """A label without its dot and a matrix without its semicolon are problems."""
    for style in ("label", "matrix"):
        reading = Reader([Parameter("p", "path", "s", style=style)], {"s": shape("string")})
        assert reading.read({"p": "blue"}, "", Headers()).values[0].problem is not None
    matrix = Reader([Parameter("p", "path", "s", style="matrix")], {"s": shape("string")})
    assert matrix.read({"p": ";other=1"}, "", Headers()).values[0].problem is not None
    assert matrix.read({"p": ";p=1"}, "", Headers()).values[0].candidates == ("1",)


def test_reserved_characters_stay_when_allowed() -> None:
    """What does not delimit is left as it is where allowReserved says so; reading is the same either way."""
    one = Parameter("q", "query", "s", style="form", explode=True, allow_reserved=True)
    written = write(one, shape("string"), "a/b?c&d=e,f+g")
    assert written == "q=a/b?c%26d%3De%2Cf%2Bg"
    assert query(written, shape("string"), allow_reserved=True).candidates == ("a/b?c&d=e,f+g",)
    assert query("q=a,b;c", shape("string"), allow_reserved=True).candidates == ("a,b;c",)


def test_integers_are_written_as_integers() -> None:
    """A float without a fraction is written as an integer where the shape knows only integers."""
    one = Parameter("q", "query", "s", style="form")
    assert write(one, shape("integer"), 3.0) == "q=3"
    assert write(one, shape("number"), 3.0) == "q=3.0"
    assert write(one, INTEGERS, [3.0, 4]) == "q=3,4"


def test_nothing_to_read_costs_nothing_new() -> None:
    """Without a query, an operation that has query parameters only gives one and the same value."""
    reader = Reader([Parameter("q", "query", None, style="form", required=True)], {})
    assert reader.read({}, "", Headers()) is reader.read({}, "", Headers())
    assert reader.read({}, "", Headers()).values[0].parameter.required


kinds = st.sampled_from(
    [
        shape("string"),
        shape("integer"),
        STRINGS,
        INTEGERS,
        shape("object", properties={"a": shape("integer")}),
        shape("array", "string", "null"),
        shape("object", "array", "integer", items=shape("object"), additional=STRINGS),
        Shape(),
    ]
)
places = st.sampled_from(
    [("path", s) for s in ("simple", "label", "matrix")]
    + [("query", s) for s in ("form", "spaceDelimited", "pipeDelimited", "deepObject")]
    + [("cookie", "form"), ("cookie", "cookie"), ("header", "simple")]
)
noise = st.text(st.sampled_from('q[]=&%2C+ ;.,|a1{}"\\\udc80é\0'), max_size=14)


def test_any_text_gives_candidates_or_a_problem() -> None:
    """Whatever comes, a present parameter has candidates or a problem, never both, never neither."""
    count = {"read": 0, "problem": 0}

    @settings(max_examples=600, deadline=None, database=None)
    @given(places, st.booleans(), kinds, noise, noise)
    def read(place: tuple[str, str], explode: bool, kind: Shape, text: str, more: str) -> None:  # noqa: FBT001
        one = Parameter("q", place[0], "s", style=place[1], explode=explode)
        fields = Headers({"q": text, "cookie": f"q={text}"})
        readings = Reader([one], {"s": kind}).read({"q": text}, f"q={text}&q{more}", fields)
        (reading,) = readings.values
        if reading.present:
            assert (reading.problem is None) == bool(reading.candidates)
            count["problem" if reading.problem else "read"] += 1

    read()
    assert count["read"] > 100, count
    assert count["problem"] > 20, count
