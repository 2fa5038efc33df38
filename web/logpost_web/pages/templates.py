"""Templates with typed contexts: a frozen dataclass whose fields are the names that its template uses."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DIRECTORY = Path(__file__).parent / "templates"

environment = Environment(
    loader=FileSystemLoader(DIRECTORY), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def render(template: str, context: DataclassInstance) -> HTMLResponse:
    values = {field.name: getattr(context, field.name) for field in fields(context)}
    return HTMLResponse(environment.get_template(template).render(values))
