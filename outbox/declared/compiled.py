"""Event classes, compiled once into converters."""

from __future__ import annotations

from operator import attrgetter
from threading import RLock
from typing import Any, get_args, get_origin

from django.core.exceptions import ImproperlyConfigured

from outbox.declared.annotations import Annotations, Scope, name_of
from outbox.declared.converter import Converter
from outbox.declared.fields import (
    Field,
    bindings,
    fields_of,
    has_fields,
    is_root,
    put_in,
    tag_of,
    wire_names,
)
from outbox.declared.refusal import Refused, never, refuse

_ENDLESS = "it contains itself, or is nested too deeply"

_classes: dict[Any, Converter] = {}
_finished: dict[Any, Converter] = {}
_unfinished: dict[Any, Converter] = {}
_compiling = RLock()


def wire_form(value: object) -> Any:
    """What msgspec writes for an event or any other value. Raises Refused."""
    converter = _classes.get(type(value), _annotations.any)
    try:
        return converter.convert(value)
    except RecursionError:
        raise _endless(value) from None


def compiled(declared: Any, scope: Scope = None) -> Converter:
    """The converter of a class with fields, made once. Raises ImproperlyConfigured for a wrong annotation;
    ``scope`` has the names of the function in which the class was made.
    """
    known = _classes.get(declared)
    if known is not None:
        return known
    with _compiling:  # two threads may emit the first event of a class
        known = _classes.get(declared) or _unfinished.get(declared) or _compile(declared, scope)
        if _unfinished.keys() == _finished.keys():  # not while one contains another that is not finished
            _classes.update(_finished)
            _finished.clear()
            _unfinished.clear()
        return known


def _compile(declared: Any, scope: Scope) -> Converter:
    cls, earlier = get_origin(declared) or declared, list(_finished)
    _unfinished[declared] = Converter(name_of(declared), _late(declared), frozenset({cls}))
    try:
        _finished[declared] = _class(cls, get_args(declared), scope)
    except NameError as error:
        raise ImproperlyConfigured(
            f"The fields of {cls.__module__}.{cls.__qualname__} cannot be read: {error}. Annotate them "
            "with types that are imported at run time, and not under TYPE_CHECKING only."
        ) from error
    finally:
        if declared not in _finished:  # nor is any that it contains, which may contain it
            for each in [declared, *(_finished.keys() - earlier)]:
                _unfinished.pop(each)
                _finished.pop(each, None)
    return _finished[declared]


def _late(declared: Any) -> Any:
    return lambda value: _classes[declared].convert(value)


def _class(cls: type, arguments: tuple[Any, ...], scope: Scope) -> Converter:
    fields = _fields(cls, arguments, scope)
    plan = [(field.wire_name, *_pair(_of_field(field, scope))) for field in fields]
    names = [field.name for field in fields]
    attributes = {field.wire_name: field.name for field in fields}
    tag = tag_of(cls)
    get: Any = attrgetter(*names) if len(names) > 1 else lambda event: tuple(getattr(event, n) for n in names)

    def convert(event: Any) -> Any:
        if type(event) is not cls:
            return _other(event)
        try:
            values = get(event)
        except AttributeError:
            raise _missing(event, names) from None
        written = dict(tag)
        try:
            for (name, exact, one), value in zip(plan, values, strict=True):
                written[name] = value if type(value) in exact else one(value)
        except Refused as refused:
            raise refused.inside(f".{attributes[name]}") from None
        return written

    def convert_root(model: Any) -> Any:
        return plan[0][2](get(model)[0]) if type(model) is cls else _other(model)

    def _other(value: Any) -> Any:
        if issubclass(type(value), cls):
            return compiled(type(value)).convert(value)
        raise refuse(value, cls.__qualname__)

    return Converter(cls.__qualname__, convert_root if is_root(cls) else convert, frozenset({cls}))


def _fields(cls: type, arguments: tuple[Any, ...] = (), scope: Scope = None) -> list[Field]:
    bound = bindings(cls, arguments)
    return [field._replace(declared=put_in(field.declared, bound)) for field in fields_of(cls, scope)]


def converters(cls: type) -> dict[str, Converter]:
    """The converter of each field, by its name in JSON. Empty for a class that is defined in a function, if
    its annotations need names of that function.
    """
    try:
        return {field.wire_name: _of_field(field, None) for field in _fields(cls)}
    except NameError:
        return {}


def _pair(converter: Converter) -> tuple[frozenset[type], Any]:
    return converter.exact, converter.convert


def _missing(event: object, names: list[str]) -> Refused:
    name = next((name for name in names if not hasattr(event, name)), "")
    return Refused(None, "it is missing", "Give the event all of its fields.").inside(f".{name}")


def _endless(event: object) -> Refused:
    """The refusal that names the field whose value contains itself or is nested too deeply."""
    cls = type(event)
    for name, wire_name in wire_names(cls).items() if has_fields(cls) else ():
        value = getattr(event, name)
        try:
            converters(cls)[wire_name].convert(value)
        except (RecursionError, KeyError):
            return Refused(value, _ENDLESS, has_json_form=False).inside(f".{name}")
    return Refused(event, _ENDLESS, has_json_form=False)


def _of_field(field: Field, scope: Scope) -> Converter:
    try:
        return _annotations.of(field.declared, scope)
    except TypeError as error:
        reason = str(error)

    def refuse_all(value: Any) -> Any:
        raise never(value) or Refused(value, reason)

    return Converter(name_of(field.declared), refuse_all, frozenset())


def problems(cls: type) -> list[str]:
    """The problems of the annotations of a class, field by field."""
    try:
        compiled(cls)
        fields = fields_of(cls) if "<locals>" not in cls.__qualname__ else []
    except (ImproperlyConfigured, NameError) as error:
        return [str(error)]
    found = []
    for field in fields:
        try:
            _annotations.of(field.declared)
        except TypeError as error:
            found.append(f"{cls.__qualname__}.{field.name}: {error}.")
    return found


_annotations = Annotations(compiled)
