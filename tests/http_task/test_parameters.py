"""Parameter styles: the tables of OpenAPI 3.0.4 ("Style Examples"), and what they leave open."""

from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_http_task._config import Parameter
from zona_http_task._parameters import cookie_pairs, header_text, path_text, query_pieces

ARRAY = ["blue", "black", "brown"]
OBJECT = {"R": 100, "G": 200, "B": 150}


def parameter(location="query", style="form", explode=False, **more) -> Parameter:
    return Parameter(
        location=location, name=more.pop("name", "color"), value=None, style=style, explode=explode, **more
    )


@pytest.mark.parametrize(
    ("style", "explode", "value", "expected"),
    [
        ("matrix", False, "", ";color"),
        ("matrix", False, "blue", ";color=blue"),
        ("matrix", False, ARRAY, ";color=blue,black,brown"),
        ("matrix", False, OBJECT, ";color=R,100,G,200,B,150"),
        ("matrix", True, "", ";color"),
        ("matrix", True, "blue", ";color=blue"),
        ("matrix", True, ARRAY, ";color=blue;color=black;color=brown"),
        ("matrix", True, OBJECT, ";R=100;G=200;B=150"),
        ("label", False, "blue", ".blue"),
        ("label", False, ARRAY, ".blue,black,brown"),
        ("label", False, OBJECT, ".R,100,G,200,B,150"),
        ("label", True, "blue", ".blue"),
        ("label", True, ARRAY, ".blue.black.brown"),
        ("label", True, OBJECT, ".R=100.G=200.B=150"),
        ("simple", False, "", ""),
        ("simple", False, "blue", "blue"),
        ("simple", False, ARRAY, "blue,black,brown"),
        ("simple", False, OBJECT, "R,100,G,200,B,150"),
        ("simple", True, "blue", "blue"),
        ("simple", True, ARRAY, "blue,black,brown"),
        ("simple", True, OBJECT, "R=100,G=200,B=150"),
        ("simple", False, "a/b?c#d;e,f é", "a%2Fb%3Fc%23d%3Be%2Cf%20%C3%A9"),
        ("simple", False, [], ""),
        ("label", True, {}, ""),
        ("matrix", True, [None], ""),
    ],
)
def test_path_styles(style, explode, value, expected) -> None:
    """A path parameter by style."""
    assert path_text(parameter("path", style, explode), value) == expected


@pytest.mark.parametrize(
    ("style", "explode", "value", "expected"),
    [
        ("form", False, "", "color="),
        ("form", False, "blue", "color=blue"),
        ("form", False, ARRAY, "color=blue,black,brown"),
        ("form", False, OBJECT, "color=R,100,G,200,B,150"),
        ("form", True, "", "color="),
        ("form", True, "blue", "color=blue"),
        ("form", True, ARRAY, "color=blue&color=black&color=brown"),
        ("form", True, OBJECT, "R=100&G=200&B=150"),
        ("spaceDelimited", False, ARRAY, "color=blue%20black%20brown"),
        ("spaceDelimited", False, OBJECT, "color=R%20100%20G%20200%20B%20150"),
        ("spaceDelimited", True, ARRAY, "color=blue&color=black&color=brown"),
        ("pipeDelimited", False, ARRAY, "color=blue%7Cblack%7Cbrown"),
        ("pipeDelimited", False, OBJECT, "color=R%7C100%7CG%7C200%7CB%7C150"),
        ("deepObject", True, OBJECT, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        ("deepObject", False, OBJECT, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        ("deepObject", True, {"a": {"b": [1, 2]}, "c": None}, "color%5Ba%5D%5Bb%5D=1&color%5Ba%5D%5Bb%5D=2"),
        ("form", False, ["a,b", "c&d"], "color=a%2Cb,c%26d"),
        ("form", True, [True, None, 1.0, {"x": 1}], "color=true&color=1&color=%7B%22x%22%3A1%7D"),
        ("form", True, [], ""),
        ("form", False, [], ""),
        ("form", True, {}, ""),
    ],
)
def test_query_styles(style, explode, value, expected) -> None:
    """A query parameter by style."""
    assert "&".join(query_pieces(parameter("query", style, explode), value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a/b:c?d", "color=a/b:c?d"),
        ("a&b=c#d+e[f]", "color=a%26b=c%23d%2Be%5Bf%5D"),
        ("50%25 of %zz", "color=50%25%20of%20%25zz"),
    ],
)
def test_reserved_characters_can_be_allowed(value, expected) -> None:
    """They stay as they are, but those that would begin another parameter or end the query."""
    assert query_pieces(parameter(allow_reserved=True), value) == [expected]


@pytest.mark.parametrize(
    ("explode", "value", "expected"),
    [
        (False, ARRAY, "blue,black,brown"),
        (False, OBJECT, "R,100,G,200,B,150"),
        (True, OBJECT, "R=100,G=200,B=150"),
        (False, "a b/c", "a b/c"),
    ],
)
def test_header_styles(explode, value, expected) -> None:
    """Headers are not percent-encoded."""
    assert header_text(parameter("header", "simple", explode), value) == expected


def test_cookie_styles() -> None:
    """Cookies take the form style."""
    assert cookie_pairs(parameter("cookie"), ARRAY) == ["color=blue,black,brown"]
    assert cookie_pairs(parameter("cookie", explode=True), "a;b") == ["color=a%3Bb"]
    assert cookie_pairs(parameter("cookie"), []) == []


def test_content_is_json_wherever_it_stands() -> None:
    """``content`` takes the place of the style."""
    value = {"lat": 1.5, "é": [1]}
    assert query_pieces(parameter(content="application/json"), value) == [
        "color=%7B%22lat%22%3A1.5%2C%22%C3%A9%22%3A%5B1%5D%7D"
    ]
    assert path_text(parameter("path", "simple", content="application/json"), ["a"]) == "%5B%22a%22%5D"
    assert header_text(parameter("header", "simple", content="application/json"), value).isascii()
    assert cookie_pairs(parameter("cookie", content="application/json"), 1) == ["color=1"]


@given(st.text(min_size=1), st.text())
def test_a_query_value_is_what_the_server_reads(name, value) -> None:
    """No value becomes another parameter, whatever is in it."""
    pieces = query_pieces(parameter(name=name), value)
    assert parse_qsl("&".join(pieces), keep_blank_values=True) == [(name, value)]


@given(st.text())
def test_a_value_with_reserved_characters_stays_one_parameter(value) -> None:
    """Percent-encoded triplets may be the value's own, so the server reads the value or its decoded form."""
    pieces = query_pieces(parameter(allow_reserved=True), value)
    assert parse_qsl("&".join(pieces), keep_blank_values=True) == [("color", unquote(value))]
    assert "#" not in pieces[0]


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1))
def test_an_exploded_object_is_what_the_server_reads(entries) -> None:
    """One parameter for each entry, with the entry's name."""
    pieces = query_pieces(parameter(explode=True), entries)
    assert parse_qsl("&".join(pieces), keep_blank_values=True) == list(entries.items())
