"""Generic classes: what stands for the type variables of their fields."""

from __future__ import annotations

from typing import Any, TypeVar, get_args, get_origin


def bindings(cls: type, arguments: tuple[Any, ...] = ()) -> dict[Any, Any]:
    """By type variable, what ``cls[arguments]`` and the bases of ``cls`` put in its place."""
    bound: dict[Any, Any] = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
    for each in cls.__mro__:
        for base in each.__dict__.get("__orig_bases__", ()):
            parameters = getattr(get_origin(base), "__parameters__", ())
            for parameter, argument in zip(parameters, get_args(base), strict=False):
                if parameter is not argument:
                    bound.setdefault(parameter, put_in(argument, bound))
    return bound


def put_in(declared: Any, bound: dict[Any, Any]) -> Any:
    """``declared`` with its type variables replaced, where something stands for them."""
    if isinstance(declared, TypeVar):
        return bound.get(declared, declared)
    parameters = getattr(declared, "__parameters__", ())
    if (isinstance(declared, type) and not get_args(declared)) or not bound.keys() & set(parameters):
        return declared
    return declared[tuple(bound.get(each, each) for each in parameters)]
