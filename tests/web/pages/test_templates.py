"""Each template uses exactly the fields of its context."""

from __future__ import annotations

from dataclasses import fields

import pytest
from jinja2 import meta

from logpost_web.pages.packages_page import PackagesPage
from logpost_web.pages.search_page import SearchPage
from logpost_web.pages.templates import DIRECTORY, environment

CONTEXTS = {"search.html": SearchPage, "packages.html": PackagesPage}


@pytest.mark.parametrize("template", sorted(file.name for file in DIRECTORY.glob("*.html")))
def test_a_template_uses_the_fields_of_its_context(template: str) -> None:
    parsed = environment.parse((DIRECTORY / template).read_text(encoding="utf-8"))
    assert meta.find_undeclared_variables(parsed) == {field.name for field in fields(CONTEXTS[template])}
