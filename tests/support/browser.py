"""A headless Chromium for tests, driven through chromedriver's WebDriver protocol with the standard library."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.processes import free_port

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key that WebDriver gives to a reference to an element (W3C WebDriver, 12.2)."""
ENTER, SHIFT = "\ue007", "\ue008"
"""Keys as `type` and `press` take them (W3C WebDriver, 17.4.2)."""
WAIT_SECONDS = 60


def missing_programs() -> str:
    """The programs that this host lacks, for a skip's reason; empty when all are there."""
    return " and ".join(name for name in ("chromium", "chromedriver") if shutil.which(name) is None)


class Browser:
    """One window with a profile of its own; a context manager."""

    def __init__(self, width: int = 1280, height: int = 900) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="logpost-browser-", ignore_cleanup_errors=True)
        port = free_port()  # with --port=0 it tells that of ::1, which is none where there is no IPv6
        self._driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.PIPE, text=True)
        self._await_start()
        self._server = f"http://127.0.0.1:{port}"
        arguments = [*FLAGS, f"--user-data-dir={self._profile.name}", f"--window-size={width},{height}"]
        session = self._call(
            "POST",
            "/session",
            {
                "capabilities": {
                    "alwaysMatch": {
                        "browserName": "chrome",
                        "goog:chromeOptions": {"args": arguments, "binary": shutil.which("chromium")},
                        "goog:loggingPrefs": {"browser": "ALL"},
                        "timeouts": {"script": WAIT_SECONDS * 1000},
                    }
                }
            },
        )
        self._session = f"/session/{session['sessionId']}"

    def _await_start(self) -> None:
        assert self._driver.stdout is not None
        for line in self._driver.stdout:
            if "started successfully" in line:
                return
        raise AssertionError("chromedriver did not start")

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._server + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=WAIT_SECONDS + 10) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(json.load(error)["value"]["message"]) from None

    def open(self, url: str) -> None:
        self._call("POST", self._session + "/url", {"url": url})

    def back(self) -> None:
        self._call("POST", self._session + "/back", {})

    @property
    def url(self) -> str:
        return str(self._call("GET", self._session + "/url"))

    def run(self, script: str, *arguments: object) -> Any:
        """What the body of a JavaScript function returns."""
        return self._call("POST", self._session + "/execute/sync", {"script": script, "args": arguments})

    def wait(self, expression: str) -> Any:
        """Await a JavaScript expression that is truthy, looked at in each frame that the browser draws; its value."""
        script = (
            "const done = arguments[0];"
            f"const found = () => ({expression});"
            "const look = () => { const it = found(); it ? done(it) : requestAnimationFrame(look); };"
            "look();"
        )
        try:
            return self._call("POST", self._session + "/execute/async", {"script": script, "args": []})
        except AssertionError as error:
            shown = self.run("return document.body.innerText")
            raise AssertionError(f"never came true: {expression}\n{error}\n{shown}") from error

    def find(self, css: str) -> str:
        """A reference to the first element that matches."""
        found = self._call("POST", self._session + "/element", {"using": "css selector", "value": css})
        return str(found[ELEMENT])

    def click(self, css: str) -> None:
        self._call("POST", f"{self._session}/element/{self.find(css)}/click", {})

    def type(self, css: str, text: str) -> None:
        self._call("POST", f"{self._session}/element/{self.find(css)}/value", {"text": text})

    def press(self, *keys: str) -> None:
        """Press and release keys where the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keys", "actions": actions})

    def click_with_shift(self, css: str) -> None:
        element = {ELEMENT: self.find(css)}
        wait: dict[str, object] = {"type": "pause"}
        keys = [{"type": "keyDown", "value": SHIFT}, wait, wait, wait, {"type": "keyUp", "value": SHIFT}]
        move = {"type": "pointerMove", "origin": element, "x": 0, "y": 0, "duration": 0}
        mouse = [wait, move, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}, wait]
        self._act({"type": "key", "id": "keys", "actions": keys}, {"type": "pointer", "id": "mouse", "actions": mouse})

    def drag(self, css: str, start: float, end: float) -> None:
        """Press the mouse in an element and release it beside; both places are fractions of its width."""
        left, top, width, height = self.run(
            "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [box.left, box.top, box.width, box.height]",
            css,
        )
        y = round(top + height / 2)
        press, release = (
            {"type": "pointerMove", "x": round(left + x * width), "y": y, "duration": 0} for x in (start, end)
        )
        mouse = [press, {"type": "pointerDown", "button": 0}, release, {"type": "pointerUp", "button": 0}]
        self._act({"type": "pointer", "id": "mouse", "actions": mouse})

    def _act(self, *sources: Mapping[str, object]) -> None:
        self._call("POST", self._session + "/actions", {"actions": sources})

    def colour_scheme(self, scheme: str) -> None:
        """`light` or `dark`, as if the system asked for it."""
        self._command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def resize(self, width: int, height: int) -> None:
        self._command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def _command(self, name: str, **parameters: object) -> None:
        self._call("POST", self._session + "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def console_errors(self) -> Sequence[str]:
        """What the console of the page complained about since the last call."""
        entries = self._call("POST", self._session + "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def screenshot(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(self._call("GET", self._session + "/screenshot")))

    def close(self) -> None:
        try:
            self._call("DELETE", self._session)
        finally:
            self._driver.terminate()
            self._driver.wait(60)
            if self._driver.stdout is not None:
                self._driver.stdout.close()
            self._profile.cleanup()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
