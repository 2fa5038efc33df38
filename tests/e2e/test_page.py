"""The search page in a real browser, over lines that went through a real broker and the real indexer."""

from __future__ import annotations

import datetime
import json
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.support.appliance import Appliance
from tests.support.browser import ENTER, Browser, missing_programs

pytestmark = pytest.mark.skipif(bool(missing_programs()), reason=f"needs {missing_programs()}")

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
REQUESTS = 180
TIMEOUTS = 12
MARKUP = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
LONG = "start of it " + "x" * 900_000 + " needle " + "y" * 100 + " end of it"
REVERSING = "pay \u202e001 rof\x00 me"
LONG_NAME = "name" * 100
LONG_LEVEL = "\u202e" + "L" * 300
ODD = tuple(
    json.dumps({"ts": "2005-01-01T00:00:00Z", **fields}).encode()
    for fields in (
        {"service": "long", "message": LONG, "attrs": {LONG_NAME: "v" * 2000, "stack": "s" * 50_000}},
        {"service": "odd\u2066", "message": REVERSING, "level": LONG_LEVEL},
    )
)
LEFT, RIGHT = "\ue012", "\ue014"
DONE = "document.querySelector('#results').getAttribute('aria-busy') === 'false'"
ROWS = "document.querySelectorAll('#rows > .row').length"
COUNT = "document.querySelector('#count').textContent"


def record(seconds_ago: float, **fields: object) -> bytes:
    moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds_ago)
    return json.dumps({"ts": moment.isoformat().replace("+00:00", "Z"), **fields}).encode()


def records() -> Iterator[bytes]:
    for number in range(REQUESTS):
        attrs = {"status": 200, "path": f"/api/orders/{number}", "method": "GET"}
        message = f"GET /api/orders/{number} 200 in {number % 37} ms"
        host = f"web-{number % 2 + 1}"
        yield record(60 + number * 15, level="info", service="nginx", host=host, message=message, attrs=attrs)
    for number in range(TIMEOUTS):
        message = "upstream timed out (110: Connection timed out) while connecting to upstream"
        attrs = {"status": 504, "upstream": {"host": "10.0.0.7"}, "order": 2**60 + 1}
        host = f"web-{number % 2 + 1}"
        yield record(90 + number * 120, level="error", service="nginx", host=host, message=message, attrs=attrs)
    for number in range(8):
        message = f"Retrying charge of order {number}: gateway timed out"
        yield record(100 + number * 200, level="warn", service="payment", host="web-3", message=message)
    yield record(
        600, level="debug", service=MARKUP, host="web-3", message=MARKUP, attrs={MARKUP: MARKUP, "html": MARKUP}
    )
    yield from ODD
    yield b'{"ts":"2005-06-03T15:42:50.675872Z","message":"instruction cache parity error corrected","service":"bgl"}'


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    appliance = Appliance(tmp_path_factory.mktemp("page"), sources="")
    with appliance.broker, appliance.web:
        produce(appliance, *records())
        appliance.await_total(REQUESTS + TIMEOUTS + 8 + 2 + len(ODD))
        assert appliance.get("/readyz") == {"ready": True, "reasons": []}
        yield appliance


def produce(appliance: Appliance, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": appliance.bootstrap_servers})
    for value in values:
        producer.produce("logs", value)
    assert producer.flush(60) == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, appliance: Appliance) -> Browser:
    """The page as one sees it first: the last hour, no query."""
    browser.colour_scheme("light")
    browser.resize(1280, 900)
    show(browser, appliance)
    return browser


def show(browser: Browser, appliance: Appliance, **state: str) -> None:
    browser.open(f"http://localhost:{appliance.web_port}/?{urllib.parse.urlencode(state)}")
    browser.wait(DONE)


def state_of(page: Browser) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page.url).query))


def query(page: Browser, text: str) -> None:
    page.run("document.querySelector('#q').value = ''")
    page.type("#q", text + ENTER)
    page.wait(f"new URLSearchParams(location.search).get('q') === {json.dumps(text)} && {DONE}")


def test_a_query_is_typed_and_lines_and_bars_are_seen(page: Browser) -> None:
    assert page.run(f"return {ROWS}") == 100
    assert page.run(f"return {COUNT}") == "201 lines"
    query(page, "timed out")
    assert page.run(f"return {COUNT}") == "20 lines"
    assert page.run(f"return {ROWS}") == 20
    assert page.run("return [...new Set([...document.querySelectorAll('mark')].map((mark) => mark.textContent))]") == [
        "timed",
        "out",
    ]
    drawn = page.run(
        "return [...document.querySelectorAll('#histogram svg [class^=level]')].map((bar) => bar.classList[0])"
    )
    assert set(drawn) == {"level-error", "level-warn"}
    assert page.run("return document.querySelector('#legend').innerText.split('\\n')") == ["error 12", "warn 8"]
    times = page.run("return [...document.querySelectorAll('#rows time')].map((time) => time.dateTime)")
    assert times == sorted(times, reverse=True)
    assert "is here" in page.run("return document.querySelector('#complete').textContent")
    page.screenshot(ARTIFACTS / "search-page.png")


def test_what_an_answer_lacks_is_said_in_words(page: Browser) -> None:
    script = """
        const { completeness, isIncomplete, whatIsMissing } = await import("/static/complete.js");
        const nothing = { indexed_until: null, behind: [], missing: [], stepped_over: [], dropped: [], paused: null };
        const lost = { ...nothing, dropped: [{ source: "store", reason: "lost", count: 1234 }] };
        const gap = { topic: "logs", partition: 1, from: 4, to: 9, reason: "a damaged batch" };
        const both = { ...lost, stepped_over: [gap] };
        return [nothing, lost, both].map((one) => [isIncomplete(one), completeness(one), whatIsMissing(one)]);
    """
    begin = "Nothing has arrived since logpost started"
    assert page.run(f"return (async () => {{{script}}})()") == [
        [False, begin, ""],
        [True, f"{begin}, except for 1,234 lines that are lost", "1,234 lines (store: lost)"],
        [
            True,
            f"{begin}, except for 5 records that could not be indexed and 1,234 lines that are lost",
            "logs-1, offsets 4 to 8: a damaged batch\n1,234 lines (store: lost)",
        ],
    ]


def test_a_click_on_a_value_adds_a_filter_and_the_back_button_takes_it_away(page: Browser) -> None:
    query(page, "timed")
    page.click("#rows .level-error .service .value")
    page.wait(f"{COUNT} === '12 lines' && {DONE}")
    assert page.run("return document.querySelector('#q').value") == "timed service:nginx"
    assert state_of(page) == {"q": "timed service:nginx"}
    assert page.run(f"return {ROWS}") == 12
    page.back()
    page.wait(f"{COUNT} === '20 lines' && {DONE}")
    assert page.run("return document.querySelector('#q').value") == "timed"


def test_a_click_on_a_level_of_the_legend_filters_too(page: Browser) -> None:
    page.click("#legend .level-warn button")
    page.wait(f"{COUNT} === '8 lines' && {DONE}")
    assert state_of(page) == {"q": "level:warn"}


def test_shift_and_click_excludes(page: Browser) -> None:
    query(page, "timed")
    page.click_with_shift("#rows .level-error .level .value")
    page.wait(f"{COUNT} === '8 lines' && {DONE}")
    assert state_of(page) == {"q": "timed -level:error"}


def test_a_row_opens_to_all_its_fields_and_they_filter_too(page: Browser) -> None:
    query(page, "level:error")
    page.click("#rows .row .message")
    names = page.run("return [...document.querySelectorAll('.fields dt')].map((name) => name.textContent)")
    assert names == ["message", "time", "level", "service", "host", "order", "status", "upstream.host", "position"]
    assert str(2**60 + 1) in page.run("return document.querySelector('.fields').innerText")
    page.click(".fields [data-filter='upstream.host:10.0.0.7']")
    page.wait(f"new URLSearchParams(location.search).get('q') === 'level:error upstream.host:10.0.0.7' && {DONE}")
    assert page.run(f"return {COUNT}") == "12 lines"


def test_a_syntax_error_is_shown_where_it_is(page: Browser) -> None:
    page.run("document.querySelector('#q').value = ''")
    page.type("#q", "timed OR (out" + ENTER)
    shown = page.wait("!document.querySelector('#error').hidden && document.querySelector('#error').innerText")
    assert [line for line in shown.splitlines() if line] == [
        "timed OR (out",
        "             ^",
        "expected a closing parenthesis",
    ]
    assert page.run("return document.querySelector('#q').getAttribute('aria-invalid')") == "true"
    query(page, "timed")
    assert page.run("return document.querySelector('#error').hidden")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("new Response('<html>Sign in</html>')", "the server answered 200"),
        ("new Response('<html>Bad Gateway</html>', { status: 502 })", "the server answered 502"),
        ("new Response(new ReadableStream({ start: (to) => to.error(new TypeError()) }))", "The answer broke off"),
    ],
)
def test_an_answer_that_is_none_is_an_error_and_not_nothing_found(page: Browser, answer: str, said: str) -> None:
    page.run(f"window.fetch = async () => {answer}")
    page.run("document.querySelector('#q').value = ''")
    page.type("#q", "timed" + ENTER)
    page.wait("!document.querySelector('#error').hidden")
    assert said in page.run("return document.querySelector('#error').innerText")
    assert page.run("return document.querySelector('#empty').hidden")


def test_logs_that_are_markup_stay_text(page: Browser) -> None:
    query(page, "level:debug")
    page.click("#rows .row .toggle")
    assert page.run("return document.querySelector('#rows .message').textContent") == MARKUP
    assert page.run("return document.querySelector('.fields').innerText").count(MARKUP) == 5
    assert page.run("return window.hacked === undefined && !document.querySelector('#results script, #results img')")
    page.click("#rows .row .service .value")
    page.wait(f"new URLSearchParams(location.search).get('q').includes('script') && {DONE}")
    assert page.run(f"return {COUNT}") == "1 line"


def test_a_long_line_shows_its_match_and_all_of_it_on_demand(page: Browser, appliance: Appliance) -> None:
    show(page, appliance, q="needle", start="all")
    assert page.run("return document.querySelector('#rows mark').textContent") == "needle"
    shown = page.run("return document.querySelector('#rows .message').textContent")
    assert (shown[:2], shown[-10:]) == ("…x", " end of it")
    page.click("#rows .row .toggle")
    fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert page.run(f"return {fits} && document.querySelector('.fields dd').clientWidth > 600")
    stack = "[...document.querySelectorAll('.fields .value')].find((one) => one.textContent.startsWith('sss'))"
    assert page.run(f"return {stack}.clientHeight") < 600  # of 900, which leaves room for the rest
    assert "A part of 900," in page.run("return document.querySelector('.rest').innerText")
    page.screenshot(ARTIFACTS / "search-page-long-line.png")
    page.click(".rest button")
    page.wait("document.querySelector('.rest').innerText.startsWith('All') || document.querySelector('.rest a')")
    assert page.run("return document.querySelector('.whole').textContent.startsWith('start of it xxx')")


def test_characters_that_turn_or_hide_text_are_shown(page: Browser, appliance: Appliance) -> None:
    show(page, appliance, q="rof", start="all")
    shown = page.run("return [...document.querySelectorAll('#rows .control-character')].map((one) => one.dataset.code)")
    assert shown == ["U+202E", "U+2066", "U+202E", "U+0000"]
    assert page.run("return document.querySelector('#rows .message').textContent") == REVERSING
    # What is written behind the character stands to the right of what is before it.
    assert page.run(
        "const texts = [...document.querySelector('#rows .message').childNodes].filter((node) => node.nodeType === 3);"
        "const left = (node) => { const range = document.createRange(); range.selectNodeContents(node);"
        " return range.getBoundingClientRect().left; };"
        "return left(texts[0]) < left(texts.at(-1))"
    )
    page.run("document.querySelector('#histogram svg').focus()")
    page.press(LEFT)
    codes = "[...document.querySelectorAll('#legend .control-character, .tip .control-character')].length"
    fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert page.run(f"return [{codes}, {fits}]") == [2, True]
    assert page.run("return document.querySelector('#rows .message').clientWidth") > 600
    page.screenshot(ARTIFACTS / "search-page-controls.png")


def test_dragging_over_bars_zooms_in(page: Browser) -> None:
    page.drag("#histogram svg", 0.5, 0.8)
    page.wait(f"location.search.includes('end=') && {DONE}")
    state = state_of(page)
    start, end = (datetime.datetime.fromisoformat(state[name].replace("Z", "+00:00")) for name in ("start", "end"))
    assert datetime.timedelta(minutes=10) < end - start < datetime.timedelta(minutes=30)
    assert 0 < page.run(f"return {ROWS}") < 100
    page.back()
    page.wait(f"{COUNT} === '201 lines' && {DONE}")


@pytest.mark.parametrize("arrow", [LEFT, RIGHT])
def test_part_of_a_bar_opens_to_the_lines_that_it_counts(page: Browser, appliance: Appliance, arrow: str) -> None:
    now = datetime.datetime.now(datetime.UTC)
    start, end = ((now - datetime.timedelta(minutes=minutes)).isoformat() for minutes in (50.3, 3.7))
    show(page, appliance, start=start, end=end)
    page.run("document.querySelector('#histogram svg').focus()")
    page.press(arrow)
    counted = page.run("return [...document.querySelectorAll('.tip span')].map((one) => one.innerText)")
    page.press(ENTER)
    asked = json.dumps([start, end])
    page.wait(f"String({asked}) !== String([...new URLSearchParams(location.search).values()]) && {DONE}")
    lines = sum(int(one.split()[-1]) for one in counted)
    assert page.run(f"return {COUNT}") == f"{lines} {'line' if lines == 1 else 'lines'}"


def test_nothing_in_this_hour_offers_the_newest_match(page: Browser) -> None:
    query(page, "parity")
    page.wait("document.querySelector('#empty .actions')")
    assert "Nothing matches in the last hour" in page.run("return document.querySelector('#empty').innerText")
    assert "2005-06-03" in page.run("return document.querySelector('#empty').innerText")
    page.click("#empty .primary")
    page.wait(f"{ROWS} === 1 && {DONE}")
    assert state_of(page)["start"].startswith("2005-06-03T15:12:50")


def test_older_lines_come_when_the_end_is_near(page: Browser) -> None:
    page.wait(f"(window.scrollTo(0, document.body.scrollHeight), {ROWS} === 201)")
    assert page.run("return !document.querySelector('#end').hidden")
    keys = page.run("return [...document.querySelectorAll('#rows .row')].map((row) => row.dataset.key)")
    assert len(set(keys)) == 201


def test_a_time_range_is_chosen(page: Browser) -> None:
    page.click("#range")
    zone = page.run("return Intl.DateTimeFormat().resolvedOptions().timeZone")
    assert f"Your local time, {zone}." in page.run("return document.querySelector('#ranges').innerText")
    page.click("#ranges [data-start='-5m']")
    page.wait(f"location.search === '?start=-5m' && {DONE}")
    assert page.run("return document.querySelector('#range-label').textContent") == "Last 5 minutes"
    assert page.run(f"return {ROWS}") < 30


def test_live_shows_a_new_line_on_top(page: Browser, appliance: Appliance) -> None:
    """Before the last hour, whose lines other tests count."""
    show(page, appliance, q="fresh*", start="-3h")
    page.click("#live")
    produce(appliance, record(7200, level="fatal", service="app", host="web-1", message="freshness guaranteed"))
    page.wait(f"{ROWS} === 1")
    assert page.run("return document.querySelector('mark').textContent") == "freshness"
    late = record(7800, level="info", service="app", host="web-1", message="fresh but late")
    produce(appliance, late, record(7199, level="info", service="app", host="web-1", message="freshest"))
    page.wait(f"{ROWS} === 3")
    messages = page.run("return [...document.querySelectorAll('#rows .message')].map((one) => one.textContent)")
    assert messages == ["freshest", "freshness guaranteed", "fresh but late"]
    page.click("#live")


@pytest.mark.parametrize("text", ["", "nosuchword"])
def test_live_never_has_two_requests_in_flight(page: Browser, appliance: Appliance, text: str) -> None:
    show(page, appliance, q=text)
    page.run(
        "const [ask, every] = [window.fetch, window.setInterval];"
        "window.requests = { now: 0, most: 0, all: 0 };"
        "window.setInterval = (call, ms) => every(call, ms / 40);"  # five times while one answer is awaited
        "window.fetch = async (...given) => {"
        "  requests.now += 1; requests.all += 1; requests.most = Math.max(requests.most, requests.now);"
        "  try { const answer = await ask(...given); await new Promise((go) => setTimeout(go, 250)); return answer; }"
        "  finally { requests.now -= 1; }"
        "};"
    )
    page.click("#live")
    page.wait("requests.all >= 6")
    page.click("#live")
    assert page.run("return requests.most") == 1


def test_the_keyboard_is_enough(page: Browser) -> None:
    page.run("document.activeElement.blur()")
    page.press("/")
    assert page.run("return document.activeElement.id") == "q"
    page.run("document.querySelector('#histogram svg').focus()")
    page.press("\ue012", "\ue012")  # left, twice
    assert page.run("return document.querySelector('.tip').hidden") is False
    page.press(ENTER)
    page.wait(f"location.search.includes('end=') && {DONE}")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 420)])
def test_it_fits_its_window_and_nothing_complains(page: Browser, appliance: Appliance, scheme: str, width: int) -> None:
    page.console_errors()
    page.colour_scheme(scheme)
    page.resize(width, 900)
    show(page, appliance, q="nginx OR timed", start="-3h")
    page.click("#rows .row .toggle")
    page.run("document.querySelector('#histogram svg').focus()")
    page.press("\ue012")  # the last bar: what it says must fit, too
    assert page.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.run("document.activeElement.blur()")
    assert page.console_errors() == []
    page.screenshot(ARTIFACTS / f"search-page-{scheme}-{width}.png")
    page.click("[popovertarget=help]")
    [left, right] = page.run(
        "const { left, right } = document.querySelector('#help').getBoundingClientRect(); return [left, right]"
    )
    assert (left >= 0, right <= width, right - left > 350) == (True, True, True)
