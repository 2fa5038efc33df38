"""Values and marks on the page: a click on any value finds its row, and no expression runs in the browser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
import re2

from logpost.query.ast import Equals, Field, Matches
from logpost.query.syntax import parse
from tests.e2e.test_page import COUNT, DONE, ROWS, browser, produce, query, record, show
from tests.support.appliance import Appliance
from tests.support.browser import ENTER, Browser, missing_programs

pytestmark = pytest.mark.skipif(bool(missing_programs()), reason=f"needs {missing_programs()}")

__all__ = ["browser"]

ATTRIBUTES: Mapping[str, object] = {
    "app.kubernetes.io/name": "shop",
    "user name": "Ada L",
    "$type": "x",
    "@version": "1",
    "5xx": 3,
    "host": "branch-9",
    "attrs": {"host": "b"},
    "tags": ["red", "green, blue"],
    "items": [{"sku": "A1", "qty": 2}, {"sku": "B", "qty": 0.5}],
    "grid": [[1, 20], ["b c", [0.5]], []],
    "user": {"name": "Ada", "admin": True, "left": None},
    "stack": 'Traceback (most recent):\n  File "x"\nValueError: a/b [c] $1 \\d',
    "crlf": "a\r\nb\tc\x00d",
    "path": "C:\\new\\table",
    "quote": 'a "b" \\"',
    "big": 2**63 + 1,
    "huge": 1e21,
    "f": 1.10,
    "neg": -5,
    "or": "OR",
    "dash": "-x",
    "re": "/x/",
    "star": "a*b",
    "more": ">5",
    "empty": "",
    "spaces": " a  b ",
    "accent": "e\u0301",
    "rtl": "\u202eabc\u202c",
    "long": "word " * 1500,
}
NUMBERS = (
    "9007199254740993",
    "28446744073709551615",
    "0.1000000000000000055",
    "1.10",
    "-0",
    "1e2",
    "1.0",
    "5",
    "1e-400",
)
EVIL = "evil " + "a" * 40 + "!"


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    appliance = Appliance(tmp_path_factory.mktemp("page"), sources="")
    named = ",".join(f'"n{number}":{written}' for number, written in enumerate(NUMBERS))
    numbers = f'{{"one":{{{named}}},"all":[{",".join(NUMBERS)}]}}'
    with appliance.broker, appliance.web:
        produce(
            appliance,
            record(60, level="Sev1", service="a b", host='h"1', message="all of them", attrs=ATTRIBUTES),
            record(50, message=EVIL),
            record(45, message="digits").replace(b'"digits"', b'"digits","attrs":%s' % numbers.encode()),
            record(40, message="x" * 3000 + " needle 超时\U0001f600 timeout，" + "y" * 3000),
        )
        appliance.await_total(4)
        yield appliance


@pytest.fixture
def page(browser: Browser, appliance: Appliance) -> Browser:
    show(browser, appliance)
    return browser


def test_a_click_on_any_value_finds_its_row(page: Browser, appliance: Appliance) -> None:
    query(page, '"all of them"')
    page.click("#rows .toggle")
    filters = page.run("return [...document.querySelectorAll('#rows [data-filter]')].map((one) => one.dataset.filter)")
    assert len(filters) > len(ATTRIBUTES)
    assert [one for one in filters if len(appliance.get("/api/search", q=one)["rows"]) != 1] == []


def test_numbers_keep_their_digits(page: Browser, appliance: Appliance) -> None:
    query(page, "digits")
    page.click("#rows .toggle")
    values = "[...document.querySelectorAll('#rows [data-filter]')]"
    shown = page.run(f"return {values}.map((one) => [one.dataset.filter, one.textContent])")
    assert sorted(text for _, text in shown) == sorted(NUMBERS * 2)
    assert [one for one, _ in shown if len(appliance.get("/api/search", q=one)["rows"]) != 1] == []


def test_arrays_in_arrays_keep_their_brackets(page: Browser) -> None:
    query(page, '"all of them"')
    page.click("#rows .toggle")
    shown = "[...document.querySelectorAll('#rows dt')].find((one) => one.textContent === 'grid').nextElementSibling"
    assert page.run(f"return {shown}.textContent") == "[1, 20], [b c, [0.5]], []"
    assert page.run(f"return {shown}.querySelectorAll('[data-filter]').length") == 4


@pytest.mark.parametrize("name", ["stack", "app.kubernetes.io/name", "crlf"])
def test_what_a_click_asks_for_can_be_sent_again(page: Browser, name: str) -> None:
    query(page, "them")
    page.click("#rows .toggle")
    page.run(
        "const names = [...document.querySelectorAll('#rows dt')];"
        "names.find((one) => one.textContent === arguments[0]).nextElementSibling.querySelector('button').click()",
        name,
    )
    page.wait(f"new URLSearchParams(location.search).get('q') !== 'them' && {DONE} && {ROWS} === 1")
    page.type("#q", ENTER)
    page.wait(f"{DONE} && {COUNT} === '1 line'")


VALUES = [
    *(
        "",
        "a",
        "a b",
        'a"b',
        "a\\",
        "\\\\n",
        "a\nb",
        "\r\n",
        "\x00",
        "\x1b[0m",
        "/x/",
        "<5",
        "-",
        "OR",
        "a*",
        "*",
        "(x)",
    ),
    *(
        "1e+21",
        "true",
        "null",
        "超时，",
        "\u2028",
        "\x85",
        "\ufeff",
        "a/b\n\\/[]{}^$|?+.*()-",
        "\U0001f600\n",
        "x:y",
        "%",
    ),
]
NAMES = [
    "a",
    "a.b-c@d",
    "5xx",
    "@version",
    "a b",
    'a"b',
    "a\\",
    "/",
    "host",
    "attrs.x",
    "",
    "NOT",
    "OR",
    "ключ",
    "a:b",
    "-a",
]


def test_filters_say_what_they_are_for(page: Browser) -> None:
    script = """
        const { attributeField, filterText, withFilter } = await import("/static/state.js");
        const [names, values] = arguments;
        const all = names.flatMap((name) => values.map((value) => filterText(attributeField(name), value)));
        return [all, all.map((filter) => withFilter(withFilter("x -y", filter, true), filter, false))];
    """
    filters, joined = page.run(f"return (async (...arguments) => {{{script}}})(...arguments)", NAMES, VALUES)
    asked = [(name, value) for name in NAMES for value in VALUES]
    for (name, value), filter_text in zip(asked, filters, strict=True):
        found = parse(filter_text)
        assert isinstance(found, Field), filter_text
        assert found.name == (name if name not in ("host", "attrs.x", "") else f"attrs.{name}")
        match found.test:
            case Equals(pattern):
                assert pattern.pieces == (value,), filter_text
            case Matches(regex):
                assert re2.fullmatch(regex, value), filter_text
            case _:
                raise AssertionError(filter_text)
    assert joined == [f"x -y {filter_text}" for filter_text in filters]


@pytest.mark.parametrize(
    ("before", "only", "without"),
    [
        ("a:1 OR b", "(a:1 OR b) a:1", "(a:1 OR b) -a:1"),
        ("b OR -a:1", "(b OR -a:1) a:1", "(b OR -a:1) -a:1"),
        ("error OR NOT a:1", "(error OR NOT a:1) a:1", "(error OR NOT a:1) -a:1"),
        ("a:1 AND b", "a:1 b", "b -a:1"),
        ("b AND NOT a:1", "b a:1", "b NOT a:1"),
        ("NOT a:1", "a:1", "NOT a:1"),
        ("NOT (a:1 OR b)", "NOT (a:1 OR b) a:1", "NOT (a:1 OR b) -a:1"),
        ('c:"OR" (x OR y)  z', 'c:"OR" (x OR y) z a:1', 'c:"OR" (x OR y) z -a:1'),
    ],
)
def test_a_filter_joins_a_query_of_any_form(page: Browser, before: str, only: str, without: str) -> None:
    script = """
        const { withFilter } = await import("/static/state.js");
        return [withFilter(arguments[0], "a:1", false), withFilter(arguments[0], "a:1", true)];
    """
    found = page.run(f"return (async (...arguments) => {{{script}}})(...arguments)", before)
    assert found == [only, without]
    for text in found:
        parse(text)


@pytest.mark.parametrize("text", ["message:/(a|a)+$/ OR evil", "message:/(a+)+b/ OR evil"])
def test_an_expression_that_javascript_never_ends_is_shown_at_once(page: Browser, text: str) -> None:
    query(page, text)
    page.wait(f"{ROWS} >= 1")
    assert "evil" in page.run("return [...document.querySelectorAll('mark')].map((mark) => mark.textContent)")


def test_marks_are_where_the_words_are(page: Browser) -> None:
    query(page, "needle 超时 timeout")
    marks = "return [...document.querySelectorAll(arguments[0])].map((mark) => mark.textContent)"
    assert page.run(marks, "#rows .message mark") == ["needle", "超时", "timeout"]
    page.click("#rows .toggle")
    assert page.run(marks, "#rows .whole mark") == ["needle", "超时", "timeout"]
    assert page.run("return document.querySelector('#rows .message').textContent.length") < 2010


def test_a_hint_is_shown_and_goes_with_its_query(page: Browser) -> None:
    query(page, "localhost:9092")
    assert page.run("return document.querySelector('#hints').innerText") == (
        'Read as the field localhost. Perhaps you mean "localhost:9092"'
    )
    query(page, "evil")
    assert page.run("return document.querySelector('#hints').hidden")
