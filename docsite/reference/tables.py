"""The page of tables, from the models."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Field, Model

from docsite.reference import markdown
from docsite.settings import PACKAGES

HEAD = """# Tables

The tables are made by migrations. Read them as you like; write to them through the API and the commands only.
"""


def page() -> str:
    return "\n".join([HEAD, *(_section(model) for model in models())])


def models() -> list[type[Model]]:
    """Our models, by the name of their table. A proxy has none of its own."""
    ours = [model for model in apps.get_models() if model._meta.app_label in PACKAGES]
    return sorted((model for model in ours if not model._meta.proxy), key=_table)


def _table(model: type[Model]) -> str:
    return model._meta.db_table


def _section(model: type[Model]) -> str:
    rows = [
        (markdown.code(field.column), _type(field), _note(field))
        for field in model._meta.local_fields
        if field.concrete and field.column
    ]
    columns = markdown.table(("Column", "Type", "Note"), rows)
    return f"## {_table(model)}\n\n{markdown.doc(_said(model))}\n\n{columns}"


def _said(model: type[Model]) -> str:
    """The docstring of a model, unless it is the one that Django makes."""
    text = model.__doc__ or ""
    return "" if text.startswith(f"{model.__name__}(") else text


def _type(field: Field[Any, Any]) -> str:
    kind = str(field.db_type(connection))
    return kind + ("" if field.null else ", not null")


def _note(field: Field[Any, Any]) -> str:
    words = [str(field.help_text)] if field.help_text else []
    if field.primary_key:
        words.append("primary key")
    if field.remote_field and field.related_model:
        related: Any = field.related_model
        words.append(f"refers to `{related._meta.db_table}`")
    if field.choices:
        words.append("one of " + ", ".join(f"`{value}`" for value, _ in field.flatchoices))
    return "; ".join(words)
