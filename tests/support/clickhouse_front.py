"""A ClickHouse server for tests: its HTTP interface in front of chDB, in a process of its own.

`python -m tests.support.clickhouse_front DIRECTORY PORT` serves until its stdin closes. Like a server it runs each
request in a session of its own, takes settings and `param_…` from the address, streams Native blocks, and says in
`X-ClickHouse-Summary` what was read.

A test may plan a fault for one of the next statements, by POST /fault: servers have acknowledged inserts that stored
nothing, and answered 200 before they failed (ClickHouse/ClickHouse#46426, #65117, #75175).
"""

from __future__ import annotations

import email.message
import email.policy
import http.server
import json
import re
import sys
import tempfile
import threading
import urllib.parse
from typing import IO, Any

import chdb

NOT_SETTINGS = frozenset(
    {
        "query",
        "database",
        "query_id",
        "session_id",
        "session_timeout",
        "session_check",
        "quota_key",
        "compress",
        "decompress",
        "user",
        "password",
        "role",
        "client_protocol_version",
        "default_format",
        "enable_http_compression",
        "wait_end_of_query",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
    }
)
TAG = "thetagoftheanswer"
"""Of 16 characters in a real server's answers."""
_FROM_INPUT = re.compile(rb"(.*) FROM input\((.*)\) FORMAT (\w+)")
FAULTS = ("error in header", "error in body", "cut", "dropped insert", "hangs up before", "hangs up after")


class Front(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, directory: str, port: int) -> None:
        super().__init__(("127.0.0.1", port), Request)
        self.directory = directory
        self.anchor = chdb.connect(directory)
        """The engine ends with its last connection."""
        self.lock = threading.Lock()
        self.faults: list[dict[str, Any]] = []
        self.statements: list[dict[str, Any]] = []

    def fault_of(self, sql: str) -> str:
        """The kind of the fault that is planned for this statement; empty without one."""
        with self.lock:
            for fault in self.faults:
                if fault["containing"] in sql:
                    fault["times"] -= 1
                    if not fault["times"]:
                        self.faults.remove(fault)
                    return str(fault["kind"])
        return ""


class Request(http.server.BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        address = urllib.parse.urlsplit(self.path)
        if address.path == "/ping":
            self._answer(b"Ok.\n")
        elif address.path == "/statements":
            self._answer(json.dumps(self.server.statements).encode())
        else:
            self._run(address.query, b"")

    def do_POST(self) -> None:
        body = self._body()
        address = urllib.parse.urlsplit(self.path)
        if address.path == "/fault":
            self.server.faults.append(json.loads(body))
            self._answer(b"")
        else:
            self._run(address.query, body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _run(self, query: str, body: bytes) -> None:
        fields = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if self.headers.get_content_maintype() == "multipart":
            fields |= _form(f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode() + body)
            body = b""
        sql = b"\n".join(part for part in (fields.get("query", "").encode(), body) if part)
        head = sql[:2000].decode(errors="replace")
        settings = {name: value for name, value in fields.items() if name not in NOT_SETTINGS and name[:6] != "param_"}
        with self.server.lock:
            self.server.statements.append({"sql": head, "settings": settings})
        fault = self.server.fault_of(head)
        if fault == "hangs up before":
            self.close_connection = True
            return
        if fault == "dropped insert" or (head.startswith("INSERT") and "FORMAT" in head and not body):
            self._answer(b"")
            return
        try:
            answer, read = self._execute(sql, fields, settings)
        except RuntimeError as error:
            self._fail(str(error))
            return
        self._send(answer, read, fault)

    def _execute(self, sql: bytes, fields: dict[str, str], settings: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        """(the answer, what was read). Raises RuntimeError."""
        connection = chdb.connect(self.server.directory)
        try:
            connection.query(f"USE {fields.get('database') or 'default'}")
            for name, value in settings.items():
                text = value.replace("\\", "\\\\").replace("'", "\\'")
                connection.query(f"SET {name} = '{text}'")
            parameters = {name[6:]: value for name, value in fields.items() if name.startswith("param_")}
            with tempfile.NamedTemporaryFile() as rows:
                statement = _from_file(sql, rows)
                result = connection.query(
                    statement.decode(), fields.get("default_format", "TabSeparated"), params=parameters
                )
            read = {
                "read_rows": str(result.storage_rows_read()),
                "read_bytes": str(result.storage_bytes_read()),
                "elapsed_ns": str(int(result.elapsed() * 1e9)),
                "written_rows": str(sql.strip().count(b"\n")),  # of an insert, whose rows follow the statement
            }
            return result.bytes(), read
        finally:
            connection.close()

    def _fail(self, message: str) -> None:
        text = message[message.find("Code: ") :] if "Code: " in message else message
        code = text.removeprefix("Code: ").partition(".")[0]
        self.send_response(500)
        self.send_header("X-ClickHouse-Exception-Code", code if code.isdecimal() else "1")
        self._finish(text.encode())

    def _send(self, answer: bytes, read: dict[str, str], fault: str) -> None:
        failed = b"Code: 241. DB::Exception: Memory limit (total) exceeded: planned by a test. (MEMORY_LIMIT_EXCEEDED)"
        if fault == "hangs up after":
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("X-ClickHouse-Summary", json.dumps(read))
        self.send_header("X-ClickHouse-Timezone", "UTC")
        self.send_header("X-ClickHouse-Format", "Native")
        self.send_header("X-ClickHouse-Exception-Tag", TAG)
        match fault:
            case "error in header":
                self.send_header("X-ClickHouse-Exception-Code", "241")
                self._finish(failed)
            case "error in body":
                tag = TAG.encode()
                said = b"\r\n__exception__\r\n%b\r\n%b\n%d %b\r\n__exception__\r\n"
                self._finish(answer + said % (tag, failed, len(failed) + 1, tag))
            case "cut":
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer[: len(answer) // 2])
                self.wfile.flush()
                self.close_connection = True
            case _:
                self._finish(answer)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self._finish(body)

    def _finish(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _from_file(sql: bytes, rows: IO[bytes]) -> bytes:
    """A statement that takes its rows by `input()`, which chDB does not have, takes them from a file."""
    statement, _, body = sql.partition(b"\n")
    found = _FROM_INPUT.fullmatch(statement)
    if found is None:
        return sql
    rows.write(body)
    rows.flush()
    return b"%b FROM file('%b', '%b', %b)" % (found[1], rows.name.encode(), found[3], found[2])


def _form(message: bytes) -> dict[str, str]:
    """Long parameters come as the fields of a form."""
    parts = email.message_from_bytes(message, policy=email.policy.HTTP).iter_parts()
    return {str(part.get_param("name", header="Content-Disposition")): _text(part) for part in parts}


def _text(part: email.message.MIMEPart) -> str:
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found.decode()


if __name__ == "__main__":
    front = Front(sys.argv[1], int(sys.argv[2]))
    threading.Thread(target=front.serve_forever, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
