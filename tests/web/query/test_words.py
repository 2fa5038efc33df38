"""What a word is, in any script: the normal form, what is found by it, and the store against a plain definition."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logpost.query.syntax import parse
from logpost.query.words import ESCAPES, normal_form
from logpost_web.query.condition import compile_condition
from logpost_web.query.positions import Positions
from logpost_web.store.columns import LOGS, words_column
from logpost_web.store.store import Store
from tests.web.query.conftest import Find, insert

MESSAGES = [
    "支付服务：连接超时，订单号 8812，error=timeout，重试",
    "Copying “report” → /data…done",
    "\x1b[31mERROR\x1b[0m db: connection \x1b[1;33mlost\x1b[0m",
    "client 10.0.0.1 connected",
    "client 10.0.0.12 connected",
    "client 110.0.0.1 connected",
    "GET /x status=500 took 1 ms",
    "GET /x status=5001 took 1 ms",
    "İSTANBUL: die Straße, ΟΔΟΣ, CAFÉ",
    "die cafe\u0301 ＴＩＭＥＤ　ＯＵＴ：８０",
    "ระบบล้มเหลว: เชื่อมต่อไม่ได้",
    "サーバーエラーが発生しました ｴﾗｰ",
    "соединение_потеряно",
    "❗️failed⚠️retry\u200bnow",
    "\x1b]8;;http://docs/x\x1b\\read\x1b]8;;\x1b\\ \x1b(B\x1b[mthis\x1b[K\x1b[",
    "订单8812号 abc超def",
    "\x1b[0m",
    "시간 초과, 연결",
    "\x1b7\x1bcprogress \x1b8\x1bMdone by\x1b= me",
]


@pytest.fixture(scope="module", autouse=True)
def rows(store: Store) -> None:
    insert(store, *({"Body": message} for message in MESSAGES))


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("timeout", [1]),
        ("8812", [1, 16]),
        ("超时", [1]),
        ("连接超时", [1]),
        ("时超", []),
        ("done", [2, 19]),
        ("progress", [19]),
        ('"done by me"', [19]),
        ("report", [2]),
        ("“report”", [2]),
        ("error", [1, 3]),
        ("lost", [3]),
        ('"db: connection lost"', [3]),
        ("31merror", []),
        ("0m", []),
        ("10.0.0.1", [4]),
        ("10.0.0.*", [4, 5]),
        ("*10.0.0.1", [4, 6]),
        ("*10.0.0.1*", [4, 5, 6]),
        ('"status=500"', [7]),
        ("status=500*", [7, 8]),
        ("*tatus=500", [7]),
        ("istanbul", [9]),
        ("ISTANBUL", [9]),
        ("STRASSE", [9]),
        ("οδοσ", [9]),
        ("café", [9, 10]),
        ("cafe\u0301", [9, 10]),
        ("cafe", []),
        ("timed", [10]),
        ('"timed out:80"', [10]),
        ("เหลว", [11]),
        ("ต่อไม่", [11]),
        ("エラー", [12]),
        ("発生", [12]),
        ("потеряно", [13]),
        ("СОЕДИНЕНИЕ", [13]),
        ("соед*", [13]),
        ("соед", []),
        ("failed", [14]),
        ("❗failed", [14]),
        ("retry now", [14]),
        ("read", [15]),
        ('"read this"', [15]),
        ("docs", []),
        ("abc", [16]),
        ("def", [16]),
        ("订单*号", [1, 16]),
        ("连*时", [1]),
        ("订*时", []),
        ("订单*重试", []),
        ("초과", [18]),
        ("초", []),
        ("초*", [18]),
        # An ESC at an end is the border of a word.
        ('"\x1b10.0.0.1\x1b\x1b[0m"', [4]),
        ('"\x1b\x1b[0m8812"', [1, 16]),
    ],
)
def test_words_are_found(query: str, lines: list[int], find: Find) -> None:
    assert find(query) == lines
    if not set(query) & {"*", " ", '"'}:
        assert find(f'"{query}"') == lines
        assert find(f"message:{query}") == lines


def test_a_plain_text_needs_no_column() -> None:
    assert words_column("GET /x 200 \t\n\x00 Error") == ""
    assert words_column("\x1b[0m") != ""


# A definition in few words, to compare with.


def letters(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


def unspaced(character: str) -> bool:
    names = (
        "CJK",
        "HIRAGANA",
        "KATAKANA",
        "THAI",
        "LAO",
        "KHMER",
        "MYANMAR",
        "BOPOMOFO",
        "IDEOGRAPHIC",
        "COMBINING KATAKANA",
    )
    return unicodedata.name(character, "").startswith(names)


def folded(text: str) -> str:
    text = unicodedata.normalize("NFKC", ESCAPES.sub("", text)).casefold().replace("i\u0307", "i")
    return text.replace("\ufe0f", "")


def has(text: str, wanted: str) -> bool:
    """Whether `wanted` stands in `text` and cuts no word; a `*` at an end lets it cut one."""
    start_free, end_free = wanted.startswith("*"), wanted.endswith("*")
    text, wanted = folded(text), folded(wanted.strip("*"))

    def border(at: int) -> bool:
        if not 0 < at < len(text):
            return True
        sides = text[at - 1 : at + 1]
        return not all(map(letters, sides)) or any(map(unspaced, sides))

    assert wanted
    places = [at for at in range(len(text)) if text.startswith(wanted, at)]
    return any((start_free or border(at)) and (end_free or border(at + len(wanted))) for at in places)


SIGNS = st.sampled_from(
    [
        *"".join(
            ("aAbz019_-.:/ =", "éßİıΣςЯяα١½，：…“→", "超时連ーカｶﾞかไ", "한국하Ａ１ﬁक", "\x1b\u200d\u200b\ufeff\n\x00")
        ),
        *("e\u0301", "SS", "❗️", "😀", "ที่", "ข้อ", "क्ष", "\x1b[31m", "\x1b[0m", "\x1b[K", "\x9b1m"),
    ]
)
TEXTS = st.lists(SIGNS, min_size=1, max_size=12).map("".join)


@st.composite
def texts_and_queries(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    texts = draw(st.lists(TEXTS, min_size=5, max_size=30))
    parts: list[str] = []
    for text in texts:
        start = draw(st.integers(0, len(text) - 1))
        parts.append(text[start : draw(st.integers(start + 1, len(text)))])
    stars = st.sampled_from(["{}", "{}", "{}*", "*{}", "*{}*"])
    return texts, [draw(stars).format(part) for part in [*parts, *draw(st.lists(TEXTS, max_size=5))]]


def queries_of(text: str) -> Iterator[str]:
    """Ways to ask for it."""
    bare = text.strip("*")
    if not folded(bare) or "\x1b" in folded(bare):
        return
    if bare.isprintable() and not set(bare) & set(' "():') and bare[0] not in "-/":
        yield text
    if text == bare:
        yield f'"{text}"'


@given(texts_and_queries())
@settings(max_examples=30)
def test_the_store_finds_what_the_definition_says(store: Store, sample: tuple[list[str], list[str]]) -> None:
    texts, wanted = sample
    asked = [(text, query) for text in wanted for query in queries_of(text)]
    parameters: dict[str, object] = {"texts": texts, "words": [words_column(text) for text in texts]}
    columns = ["Body"]
    for number, (_, query) in enumerate(asked):
        condition = compile_condition(parse(query), LOGS)
        columns.append(condition.sql.replace("{p", f"{{q{number}p"))
        parameters |= {f"q{number}{name}": value for name, value in condition.parameters.items()}
    each = "SELECT arrayJoin(arrayZip({texts:Array(String)}, {words:Array(String)})) AS x"
    sql = f"SELECT {', '.join(columns)} FROM (SELECT x.1 AS Body, x.2 AS Words FROM ({each}))"
    for body, *found in store.query(sql, parameters).rows:
        assert [(query, bool(yes)) for (_, query), yes in zip(asked, found, strict=True)] == [
            (query, has(body, text)) for text, query in asked
        ], body


@given(TEXTS)
def test_what_stands_in_the_normal_form_stands_in_the_text(text: str) -> None:
    positions = Positions(text)
    normal = positions.normal
    if "\x1b[" not in text:
        assert normal == normal_form(text)
    for at in range(len(normal)):
        start, end = positions.span(at, at + 1)
        assert 0 <= start < end <= len(text)
        assert normal[at] in normal_form(text[start:end])
