"""Lines in every format that is read, with what they say: one table for the tests of the formats and of the parser."""

from __future__ import annotations

import datetime

from logpost.formats import LineParser, Parsed
from logpost.record import format_ts

NOW_NS = int(datetime.datetime(2026, 11, 23, 2, 0, tzinfo=datetime.UTC).timestamp()) * 10**9


def read(line: str, zone: datetime.tzinfo = datetime.UTC, now_ns: int = NOW_NS) -> Parsed:
    return LineParser(zone).parse(line, now_ns)


def time_of(line: str, zone: datetime.tzinfo = datetime.UTC, now_ns: int = NOW_NS) -> str | None:
    """RFC 3339 without the zeros at the end of the fraction."""
    ns = read(line, zone, now_ns).ts_ns
    return None if ns is None else format_ts(ns)[:-1].rstrip("0").rstrip(".") + "Z"


PLAIN: tuple[tuple[str, str | None, str], ...] = (
    # Lines that open with a date and time, and their relatives
    ("2026-11-22T10:51:07.123Z INFO broker: ready", "2026-11-22T10:51:07.123Z", "info"),
    ("2026-11-22 10:51:07,123 INFO name: msg", "2026-11-22T10:51:07.123Z", "info"),
    ("2026-11-22T10:51:07+01:00[Europe/Paris] ERROR text", "2026-11-22T09:51:07Z", "error"),
    ("2026-11-22T10:51:07.5Z[UTC][!u-ca=iso8601] [main] WARN c.x - text", "2026-11-22T10:51:07.5Z", "warn"),
    ("2026-11-22T10:51:07Z[ERROR] [INFO] text", "2026-11-22T10:51:07Z", "error"),
    ("2026-11-22T10:51:07.123456789+01:00 text", "2026-11-22T09:51:07.123456789Z", ""),
    ("2026-11-22T10:51:07-0530 WARN text", "2026-11-22T16:21:07Z", "warn"),
    ("2026-11-22 10:51:07.5+02 text", "2026-11-22T08:51:07.5Z", ""),
    ("2026-11-22_10:51:07 text", "2026-11-22T10:51:07Z", ""),
    ("2026-11-22 10:51:07", "2026-11-22T10:51:07Z", ""),
    ("[2026-11-22T10:51:07,123][INFO ][o.e.n.Node] [web-1] started", "2026-11-22T10:51:07.123Z", "info"),
    ("[2026-11-22 10:51:07,123] WARN partition lost (kafka.log)", "2026-11-22T10:51:07.123Z", "warn"),
    ("[2026-11-22 10:51:07,123: WARNING/MainProcess] task", "2026-11-22T10:51:07.123Z", "warn"),
    ("[2026-11-22 10:51:07 +0100] [123] [INFO] Booting worker", "2026-11-22T09:51:07Z", "info"),
    ("2026-11-22 10:51:07,123 - shop.cart - ERROR - empty", "2026-11-22T10:51:07.123Z", "error"),
    ("2026-11-22 10:51:07,123 - shop - CRITICAL - empty", "2026-11-22T10:51:07.123Z", "fatal"),
    ("2026-11-22 10:51:07,123 root         INFO     empty", "2026-11-22T10:51:07.123Z", "info"),
    ("2026-11-22 10:51:07,123 - util.py[DEBUG]: read", "2026-11-22T10:51:07.123Z", "debug"),
    ("2026-11-22 10:51:07.123 | SUCCESS  | __main__:<module>:1 - hi", "2026-11-22T10:51:07.123Z", ""),
    ("2026-11-22 10:51:07.123 | ERROR    | __main__:<module>:1 - hi", "2026-11-22T10:51:07.123Z", "error"),
    ("2026-11-22 10:51:07 [warning  ] slow            took=3", "2026-11-22T10:51:07Z", "warn"),
    ("2026-11-22 10:51:07.123  INFO 123 --- [shop] [main] c.e.Shop : Started", "2026-11-22T10:51:07.123Z", "info"),
    ("2026-11-22 10:51:07.123 [main] DEBUG c.e.Shop - Started", "2026-11-22T10:51:07.123Z", "debug"),
    ("2026-11-22T10:51:07.123456Z  WARN hyper::proto: closed", "2026-11-22T10:51:07.123456Z", "warn"),
    ("2026-11-22T10:51:07.123Z\terror\tshop/main.go:12\tfailed", "2026-11-22T10:51:07.123Z", "error"),
    ("2026-11-22T10:51:07.123456Z 0 [Note] [MY-010747] [Server] Plugin", "2026-11-22T10:51:07.123456Z", "info"),
    ("2026-11-22  1:51:07 0 [ERROR] InnoDB: no space", "2026-11-22T01:51:07Z", "error"),
    ("2026-11-22 10:51:07.123 UTC [123] LOG:  checkpoint starting", "2026-11-22T10:51:07.123Z", "info"),
    ("2026-11-22 10:51:07.123 UTC [123] shop@shop FATAL:  no such role", "2026-11-22T10:51:07.123Z", "fatal"),
    ("2026-11-22 10:51:07.123 UTC [123] STATEMENT:  SELECT 1", "2026-11-22T10:51:07.123Z", ""),
    ("2026/11/22 10:51:07 [error] 123#123: *1 open() failed", "2026-11-22T10:51:07Z", "error"),
    ("2026/11/22 10:51:07 [emerg] 123#123: bind() failed", "2026-11-22T10:51:07Z", "fatal"),
    ("2026/11/22 10:51:07.123456 listening", "2026-11-22T10:51:07.123456Z", ""),
    ("2026-11-22T10:51:07.123456+00:00 web-1 sshd[12]: Accepted", "2026-11-22T10:51:07.123456Z", ""),
    ("update-alternatives 2026-11-22 10:51:07: run with --install", "2026-11-22T10:51:07Z", ""),
    (
        "nova-api.log.1.2026-11-22_13:53:08 2026-11-22 00:00:00.008 25746 INFO nova.wsgi [-] x",
        "2026-11-22T00:00:00.008Z",
        "info",
    ),
    ("2026-11-22 10:51:07, Info                  CBS    Loaded", "2026-11-22T10:51:07Z", "info"),
    ("2026-11-22 10:51:07,123 - WARN  [RecvWorker:1@765] - Interrupting", "2026-11-22T10:51:07.123Z", "warn"),
    ("26/11/22 10:51:07 INFO executor.Executor: Running", "2026-11-22T10:51:07Z", "info"),
    # Words in the message are no level
    ("2026-11-22 10:51:07 an error, an ERROR and error: happened", "2026-11-22T10:51:07Z", ""),
    ("2026-11-22 10:51:07 config: reloaded", "2026-11-22T10:51:07Z", ""),
    ("2026-11-22 10:51:07 information desk opened", "2026-11-22T10:51:07Z", ""),
    ("Nov 22 10:51:07 web-1 shop[7]: ERROR: no level of syslog", "2026-11-22T10:51:07Z", ""),
    # Syslog
    ("Nov  2 10:51:07 web-1 sshd[24200]: Invalid user", "2026-11-02T10:51:07Z", ""),
    ("Nov 22 2025 10:51:07 fw %ASA-6-302014: Teardown", "2025-11-22T10:51:07Z", ""),
    ("<34>Oct 11 22:14:15 mymachine su: failed", "2026-10-11T22:14:15Z", "fatal"),
    ('<165>1 2003-10-11T22:14:15.003Z web-1 evntslog - ID47 [a@1 b="3"] hi', "2003-10-11T22:14:15.003Z", "info"),
    ("1 2003-10-11T22:14:15.003-07:00 web-1 evntslog 7 ID47 - hi", "2003-10-12T05:14:15.003Z", ""),
    ("<28>1 - - shop - - - no time", None, "warn"),
    ("<13>2026-11-22T10:51:07Z web-1 shop[7]: hi", "2026-11-22T10:51:07Z", "info"),
    ("<3>disk broken", None, "error"),
    # Web servers
    (
        '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif?x=1 HTTP/1.0" 200 2326',
        "2000-10-10T20:55:36Z",
        "info",
    ),
    ('::1 - - [22/Nov/2026:10:51:07 +0000] "POST /x HTTP/1.1" 502 - "-" "curl/8"', "2026-11-22T10:51:07Z", "error"),
    ('shop.test:443 10.0.0.1 - - [22/Nov/2026:10:51:07 +0000] "\\x16\\x03" 400 226', "2026-11-22T10:51:07Z", "warn"),
    ("[Sun Dec 04 04:47:44 2005] [error] mod_jk child", "2005-12-04T04:47:44Z", "error"),
    ("[Sun Dec 04 04:47:44.123456 2005] [core:notice] [pid 1:tid 2] x", "2005-12-04T04:47:44.123456Z", "info"),
    ("[Sun Dec 04 04:47:44.123456 2005] [ssl:trace3] [pid 1] x", "2005-12-04T04:47:44.123456Z", "trace"),
    ("Sun Dec  4 04:47:44 2005 [pid 2] CONNECT", "2005-12-04T04:47:44Z", ""),
    # Programs with a layout of their own
    ("03-17 16:13:38.811  1702  2395 W WindowManager: print", "2026-03-17T16:13:38.811Z", "warn"),
    ("03-17 16:13:38.811  1702  2395 A libc: abort", "2026-03-17T16:13:38.811Z", "fatal"),
    ("081109 203615 148 WARN dfs.DataNode: terminating", "2008-11-09T20:36:15Z", "warn"),
    ("20171224-1:1:0:35|Step_LSC|30002312|tick", "2017-12-24T01:01:00.035Z", ""),
    ("[10.30 16:49:06] chrome.exe - proxy:5070 close", "2026-10-30T16:49:06Z", ""),
    ("W1122 10:51:07.123456   12345 file.go:12] slow", "2026-11-22T10:51:07.123456Z", "warn"),
    ("F20251122 10:51:07.123456 12345 file.cc:12] Check failed", "2025-11-22T10:51:07.123456Z", "fatal"),
    ("123:M 22 Nov 2026 10:51:07.123 # Memory overcommit", "2026-11-22T10:51:07.123Z", "warn"),
    ("22-Nov-2026 10:51:07.123 SEVERE [main] org.apache.Catalina", "2026-11-22T10:51:07.123Z", "error"),
    ("[22-Nov-2026 10:51:07 UTC] PHP Warning:  x", "2026-11-22T10:51:07Z", ""),
    ("[22-Nov-2026 10:51:07] NOTICE: fpm is running", "2026-11-22T10:51:07Z", "info"),
    (
        "- 1117838570 2005.06.03 R02 2005-06-03-15.42.50.675872 R02 RAS KERNEL INFO corrected",
        "2005-06-03T22:42:50.675872Z",
        "info",
    ),
    (
        "APPSEV 1117838570 2005.06.03 R02 2005-06-03-15.42.50.675872 R02 RAS APP SEVERE x",
        "2005-06-03T22:42:50.675872Z",
        "error",
    ),
    ("- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond[2915]: x", "2005-11-09T20:01:01Z", ""),
    ("134681 node-246 unix.hw net.niff.up 1077804742 -1 NIFF", "2004-02-26T14:12:22Z", ""),
    ("type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e", "2013-03-28T14:36:03.243Z", ""),
    # The level comes first, or the date is missing
    ("WARNING:root:msg", None, "warn"),
    ('INFO:     127.0.0.1:1 - "GET / HTTP/1.1" 200 OK', None, "info"),
    ("INFO 2026-11-22 10:51:07,123 views 123 msg", "2026-11-22T10:51:07.123Z", "info"),
    ("WARN  [2026-11-22 10:51:07,123] org.eclipse: x", "2026-11-22T10:51:07.123Z", "warn"),
    ("[ERROR] Failed to execute goal", None, "error"),
    ("E, [2026-11-22T10:51:07.123456 #123] ERROR -- : msg", "2026-11-22T10:51:07.123456Z", "error"),
    ("10:51:07.123 [main] INFO  c.e.Shop - no date", None, "info"),
)
"""Line, time in UTC, level. The message is the whole line."""

STRUCTURED = (
    '{"level":30,"time":1795344667123,"msg":"pino","pid":1,"hostname":"web-1"}',
    '{"@timestamp":"2026-11-22T10:51:07.123Z","log.level":"ERROR","message":"ecs","service":{"name":"shop"}}',
    'ts=2026-11-22T10:51:07.123Z level=info msg="hello \\"world\\"" status=502',
    "at=info method=GET path=/ status=200",
)

UNREADABLE = (
    "",
    " ",
    "\tat com.example.Shop.main(Shop.java:12)",
    "Traceback (most recent call last):",
    "an error in the message",
    "key=value",
    "config: reloaded",
    "Information for users",
    "10:51:07 no date and no level",
    "[1,2]",
    '{"broken":',
    "<192>no such priority",
    "<p>html</p>",
    "\x1b",
    "Nov 22",
)
"""Neither time nor level."""
