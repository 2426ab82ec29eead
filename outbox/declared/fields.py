"""The fields of a class, in their order, with their declared types: dataclass, msgspec, attrs or pydantic."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec


class Field(NamedTuple):
    name: str
    wire_name: str
    declared: Any


def has_fields(cls: type) -> bool:
    return (
        dataclasses.is_dataclass(cls)
        or issubclass(cls, msgspec.Struct)
        or hasattr(cls, "__attrs_attrs__")
        or is_pydantic(cls)
    )


def is_pydantic(cls: type) -> bool:
    return hasattr(cls, "__pydantic_validator__") and hasattr(cls, "model_fields")


def is_root(cls: type) -> bool:
    """Whether it is a RootModel of pydantic, which stands for its one value and has no name for it."""
    return is_pydantic(cls) and bool(getattr(cls, "__pydantic_root_model__", False))


def field_names(cls: type) -> list[str]:
    """The names of the fields of an event class. Raises TypeError for a class of none of the four kinds."""
    if issubclass(cls, msgspec.Struct):
        return list(cls.__struct_fields__)
    if is_pydantic(cls):
        return list(cls.model_fields)  # type: ignore[attr-defined]
    if dataclasses.is_dataclass(cls):
        return [field.name for field in dataclasses.fields(cls)]
    if hasattr(cls, "__attrs_attrs__"):
        return [attribute.name for attribute in cls.__attrs_attrs__]
    raise TypeError(
        f"{cls.__module__}.{cls.__qualname__} is neither a dataclass, nor a msgspec.Struct, nor an attrs or "
        "pydantic class."
    )


def fields_of(cls: type, scope: dict[str, Any] | None = None) -> list[Field]:
    """Raises NameError or TypeError for an annotation that cannot be resolved; ``scope`` has names to add."""
    if is_pydantic(cls):
        models: dict[str, Any] = cls.model_fields  # type: ignore[attr-defined]
        return [
            Field(
                name, name, Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
            )
            for name, info in models.items()
            if info.exclude is not True
        ]
    hints = {**_types_of_attrs(cls), **get_type_hints(cls, localns=scope, include_extras=True)}
    return [Field(name, wire, hints.get(name, Any)) for name, wire in wire_names(cls).items()]


def wire_names(cls: type) -> dict[str, str]:
    """The JSON name of each field, by its own name. Raises TypeError as ``field_names`` does."""
    names = field_names(cls)
    written = cls.__struct_encode_fields__ if issubclass(cls, msgspec.Struct) else names
    return dict(zip(names, written, strict=True))


def _types_of_attrs(cls: type) -> dict[str, Any]:
    """The types that ``attr.ib(type=…)`` gives instead of an annotation."""
    attributes = getattr(cls, "__attrs_attrs__", ())
    return {each.name: each.type for each in attributes if isinstance(each.type, type)}


def tag_of(cls: type) -> dict[str, Any]:
    """The tag that a msgspec.Struct writes in front of its fields, if it has one."""
    config = getattr(cls, "__struct_config__", None)
    return {config.tag_field: config.tag} if config is not None and config.tag_field else {}


def bindings(cls: type, arguments: tuple[Any, ...] = ()) -> dict[Any, Any]:
    """The type that ``cls[arguments]`` and the bases of ``cls`` give to each type variable."""
    bound: dict[Any, Any] = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
    for each in cls.__mro__:
        for base in each.__dict__.get("__orig_bases__", ()):
            parameters = getattr(get_origin(base), "__parameters__", ())
            for parameter, argument in zip(parameters, get_args(base), strict=False):
                if parameter is not argument:
                    bound.setdefault(parameter, put_in(argument, bound))
    return bound


def put_in(declared: Any, bound: dict[Any, Any]) -> Any:
    """``declared`` with its bound type variables replaced."""
    if isinstance(declared, TypeVar):
        return bound.get(declared, declared)
    parameters = getattr(declared, "__parameters__", ())
    if (isinstance(declared, type) and not get_args(declared)) or not bound.keys() & set(parameters):
        return declared
    return declared[tuple(bound.get(each, each) for each in parameters)]
