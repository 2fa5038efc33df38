"""What looks like a field, an operator or a phrase and is none gets a hint; the rest gets none."""

from __future__ import annotations

import pytest

from logpost.query.hint_parts import Hint
from logpost.query.hints import MAX_HINTS, hints
from logpost.query.syntax import parse


@pytest.mark.parametrize(
    ("query", "at", "instead"),
    [
        # Texts with a colon.
        ("localhost:9092", 0, '"localhost:9092"'),
        ("refused kafka-0.svc:9092", 8, '"kafka-0.svc:9092"'),
        ("web-1:8080", 0, '"web-1:8080"'),
        ("example.com:443/path", 0, '"example.com:443/path"'),
        ("main.go:42", 0, '"main.go:42"'),
        ("src.app.py:42:7", 0, '"src.app.py:42:7"'),
        ("aa:bb:cc:dd:ee:ff", 0, '"aa:bb:cc:dd:ee:ff"'),
        ("-aa:bb:cc:dd:ee:ff", 1, '"aa:bb:cc:dd:ee:ff"'),
        ("fd00:1:2::3", 0, '"fd00:1:2::3"'),
        ("C:\\Users\\ada", 0, '"C:\\\\Users\\\\ada"'),
        ("sha256:0123456789abcdef", 0, '"sha256:0123456789abcdef"'),
        ("mailto:a@b.c", 0, '"mailto:a@b.c"'),
        ("redis:6379", 0, '"redis:6379"'),
        ("lib.zig:3", 0, '"lib.zig:3"'),
        # Names that need quotes, and names that others have.
        ("app.kubernetes.io/name:shop", 0, '"app.kubernetes.io/name":shop'),
        ("$type:x", 0, '"$type":x'),
        ("ключ:да", 0, '"ключ":да'),
        ("severity:error", 0, "level:error"),
        ("a msg:timeout", 2, "message:timeout"),
        ("Level:>=warn", 0, "level:>=warn"),
        ("@timestamp:>2026-11-29", 0, "the time range"),
        ("_exists_:status", 0, "status:*"),
        # Comparisons and values as others write them.
        ("status >= 500", 0, "status:>=500"),
        ("status=>500", 0, "status:>=500"),
        ("status≥500", 0, "status:>=500"),
        ("status:≤500", 0, "status:<=500"),
        ("status<>500", 0, "-status:500"),
        ("x service = nginx", 2, "service:nginx"),
        ("service != nginx", 0, "-service:nginx"),
        ('service="nginx"', 0, 'service:"nginx"'),
        ('{service="nginx"}', 0, 'service:"nginx"'),
        ('path!~"/a.b"', 0, "-path:/\\/a.b/"),
        ("service=~ng.*", 0, "service:/ng.*/"),
        ("service:~ng", 0, "service:/ng/"),
        ("path:/api/.*/", 0, "path:/api\\/.*/"),
        ("level:(error,warn)", 7, "error OR warn"),
        ("level:[error,warn]", 0, "level:(error OR warn)"),
        ("level:{error}", 0, "level:error"),
        ("level:error, warn", 0, "level:(error OR warn)"),
        ("level:error, service:a", 0, "level:error"),
        ("level in (error, warn)", 0, "level:(error OR warn)"),
        ("status:400-499", 0, "status:>=400 status:<=499"),
        ("user:null", 0, "-user:*"),
        ("time.*out", 0, "message:/time.*out/"),
        ("^error", 0, "message:/^error/"),
        ("*:*", 0, "*"),
        ("foo\\:bar", 0, '"foo:bar"'),
        ("status>=500", 0, "status:>=500"),
        ("a status<500", 2, "status:<500"),
        ("status=500", 0, "status:500"),
        ("status==500", 0, "status:500"),
        ("status!=500", 0, "-status:500"),
        ("level：error", 0, "level:error"),
        ("status:=500", 0, "status:500"),
        ("status:==500", 0, "status:500"),
        ("status:!=500", 0, "-status:500"),
        ("level:error,warn", 0, "level:(error OR warn)"),
        ("level:error|warn|fatal", 0, "level:(error OR warn OR fatal)"),
        ("service:a,b", 0, "service:(a OR b)"),
        ("status:[400 TO 500]", 0, "status:>=400 status:<=500"),
        ("x status:{400 TO 500}", 2, "status:>400 status:<500"),
        ("status:[400 TO *]", 0, "status:>=400"),
        ("[400 TO 500]", 0, "field:>=400 field:<=500"),
        ("status:400..499", 0, "status:>=400 status:<=499"),
        ("status:5xx", 0, "status:>=500 status:<=599"),
        ("status : 500", 0, "status:500"),
        ('"user name": Ada', 0, '"user name":Ada'),
        # Quotes.
        ("“timed out”", 0, '"timed out"'),
        ("‘timed out’", 0, '"timed out"'),
        ("„timed out“", 0, '"timed out"'),
        ("«timed out»", 0, '"timed out"'),
        ("'timed out'", 0, '"timed out"'),
        ("x “a \\ b”", 2, '"a \\\\ b"'),
        ("name:“Ada”", 5, 'name:"Ada"'),
        ('"conn*"', 0, "conn*"),
        ('host:"web-*"', 0, "host:web-*"),
        ("\u2039timed out\u203a", 0, '"timed out"'),
        ("\u2033timed out\u2033", 0, '"timed out"'),
        # Others' ways to name an element, a time, a network, to look in upper and lower case.
        ("items[0].sku:A1", 0, "items.sku:A1"),
        ("tags[]:red", 0, "tags:red"),
        ("items.0.sku:A1", 0, "items.sku:A1"),
        ("git@github.com:a/b", 0, '"git@github.com:a/b"'),
        ("deploy@web-1:22", 0, '"deploy@web-1:22"'),
        ("since:1h", 0, "the time range"),
        ("earliest:-1d", 0, "the time range"),
        ("@timestamp:[now-1h TO now]", 0, "the time range"),
        ("level:/error/i", 0, "level:/(?i)error/"),
        ("/time/i", 0, "message:/(?i)time/"),
        ("status:5??", 0, "status:5*"),
        ("level:error;warn", 0, "level:(error OR warn)"),
        ("status:[400..500]", 0, "status:>=400 status:<=500"),
        ("status:400...499", 0, "status:>=400 status:<=499"),
        ("status:400 TO 500", 0, "status:>=400 status:<=500"),
        ("x status between 400 and 500", 2, "status:>=400 status:<=500"),
        ("status：>=500", 0, "status:>=500"),
        ("（error）", 0, "(error)"),
        ("*:error", 0, "error"),
        ("error | head 10", 6, "error"),
        ("error service:a | stats count by host", 16, "error service:a"),
        # Operators.
        ("a and b", 2, "AND"),
        ("a && b", 2, "AND"),
        ("a or b", 2, "OR"),
        ("a || b", 2, "OR"),
        ("not a", 0, "NOT"),
        ("!error", 0, "-error"),
        ("+error", 0, "error"),
        ("errro~2", 0, "errro*"),
        ("/time.?out/", 0, "message:/time.?out/"),
        ("2026-11-22T10:51:07Z", 0, "the time range"),
        ("10:51:07", 0, "the time range"),
    ],
)
def test_a_hint(query: str, at: int, instead: str) -> None:
    parse(query)
    [hint] = hints(query)
    assert (hint.at, hint.instead) == (at, instead)
    if instead not in ("AND", "OR", "NOT", "the time range"):
        assert hints(instead) == []
        parse(instead)


@pytest.mark.parametrize(
    "query",
    [
        *(
            "",
            "error",
            "connection timed",
            '"connection refused"',
            "status:500",
            "status:>=500",
            "level:error",
            "-level:info",
        ),
        *(
            "net.10.0.0.1:up",
            "http2.x:1",
            "since:deploy",
            "TO",
            "x between us",
            "a@b",
            "@timestamp",
        ),
        *(
            "user.id:42",
            "host:web-*",
            "path:/api/*",
            "/api/orders/17",
            "trace_id:4bf92f",
            "a OR b",
            "(a OR b) -c",
            "5xx:3",
        ),
        *(
            "10.251.73.220:50010",
            "blk_-16089996*",
            "service:(a OR b)",
            "message:/(a+)+b/",
            "http://localhost:9092/x",
            "and",
            "or",
        ),
        *(
            '"a, b"',
            "std::vector",
            "it's",
            "O'Brien",
            "attempt:>1",
            "message:a,b",
            "k8s.pod.name:web-1",
            "*",
            "a*b",
            "took:1.5",
        ),
        *(
            "C++",
            "a/b/c",
            "x|y",
            "time:10:51:07",
            "超时",
            "[5]",
            "{",
            "'",
            "“",
            "rock'n'roll",
            "size:>1e3",
            "client:10.0.0.1",
            "port:8080",
            "10.0.0.*",
            "status:>1,000",
            "a in b",
            "severity_number:17",
            "time:12",
            "src/main.go:42",
        ),
    ],
)
def test_no_hint(query: str) -> None:
    parse(query)
    assert hints(query) == []


def test_a_hint_says_how_it_is_read() -> None:
    assert hints("x localhost:9092") == [Hint(2, "the field localhost", '"localhost:9092"')]


def test_hints_are_bounded() -> None:
    assert len(hints("a=b " * 100)) == MAX_HINTS
    assert hints("/" + "?" * 9000) == []
