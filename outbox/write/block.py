"""A ``with`` block that is also a decorator, of plain and of async functions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, Generic, TypeVar, cast

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Block(AbstractContextManager[T], Generic[T]):
    """What ``begin`` makes is entered by ``with``, or by each call of a decorated function."""

    def __init__(self, begin: Callable[[], AbstractContextManager[T]]) -> None:
        self._begin = begin
        self._begun: AbstractContextManager[T] | None = None

    def __enter__(self) -> T:
        if self._begun is not None:
            raise RuntimeError("This outbox.context is in use already. Make a new one for each `with`.")
        self._begun = self._begin()
        return self._begun.__enter__()

    def __exit__(self, *error: Any) -> None:
        begun, self._begun = self._begun, None
        assert begun is not None
        begun.__exit__(*error)

    def __call__(self, function: F) -> F:
        _refuse_what_runs_later(function)

        @wraps(function)
        async def awaited(*arguments: Any, **options: Any) -> Any:
            with self._begin():
                return await function(*arguments, **options)

        @wraps(function)
        def called(*arguments: Any, **options: Any) -> Any:
            with self._begin():
                return function(*arguments, **options)

        return cast("F", awaited if iscoroutinefunction(function) else called)


def _refuse_what_runs_later(function: Any) -> None:
    """Refuse generators and classes: their code runs after the block has ended."""
    if isinstance(function, type) or isgeneratorfunction(function) or isasyncgenfunction(function):
        raise ImproperlyConfigured(
            f"outbox.context cannot decorate {function.__module__}.{function.__qualname__}, a "
            f"{'class' if isinstance(function, type) else 'generator'}: use it as a `with` block, around "
            "what emits."
        )
