"""Text of the page can be read, in the light and in the dark: a contrast of 4.5 (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import logpost_web.pages

STYLE = (Path(logpost_web.pages.__file__).parent / "static" / "style.css").read_text(encoding="utf-8")
COLOURS = {
    name: dict(zip(("light", "dark"), values, strict=True))
    for name, *values in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", STYLE.partition("}")[0])
}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "surface", "raised"])
def test_every_colour_of_text_can_be_read(scheme: str, ground: str) -> None:
    texts = {"text", "muted", "accent", "bad", *re.findall(r"--level: var\(--(\w+)\)", STYLE)}
    assert texts >= {"fatal", "error", "warn", "info", "debug", "trace"}
    faint = {name: contrast(COLOURS[name][scheme], COLOURS[ground][scheme]) for name in texts}
    assert {name: value for name, value in faint.items() if value < 4.5} == {}
