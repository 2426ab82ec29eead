"""The handlers, by the type of event that they take."""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, TypeVar

from inbox.errors import HandlerError
from inbox.handling.payload import PayloadReader
from outbox_core import tracing
from outbox_core.wire.event import Event, Handling

F = TypeVar("F", bound=Callable[..., Any])
EVERY = "*"
_NEVER_RUN = (Awaitable, Generator, AsyncGenerator)
"""What a handler may not return: its code has not run yet."""
_OTHER_FUNCTIONS = {
    inspect.iscoroutinefunction: "async",
    inspect.isasyncgenfunction: "async",
    inspect.isgeneratorfunction: "a generator",
}


@dataclass(frozen=True, slots=True, eq=False)
class Handler:
    """A function that handles events of one type, or of every type (``*``). ``batch``: in lists."""

    type: str
    function: Callable[..., Any]
    reader: PayloadReader | None
    wants_event: bool
    replays: bool
    batch: bool = False

    @property
    def name(self) -> str:
        return f"{self.function.__module__}.{self.function.__qualname__}"

    def arguments(self, event: Event) -> tuple[Any, ...]:
        """The arguments of the function.

        Raises:
            InvalidPayload: the event's data does not fit.
        """
        payload = () if self.reader is None else (self.reader.read(event),)
        return (*payload, event) if self.wants_event else payload

    def __call__(self, event: Event, arguments: Sequence[Any]) -> None:
        with Handling(event):
            if tracing.recording.possible:
                with tracing.processing(event, self.name):
                    returned = self.function(*arguments)
            else:
                returned = self.function(*arguments)
        if returned is not None:
            self._refuse_unfinished(returned)

    def handle_many(self, events: Sequence[Event], arguments: Sequence[tuple[Any, ...]]) -> None:
        """Call the function once, with a list of each argument."""
        with Handling(None), tracing.processing_many(events, self.name):
            returned = self.function(*map(list, zip(*arguments, strict=True)))
        if returned is not None:
            self._refuse_unfinished(returned)

    def late(self) -> Handler:
        """The same handler, but it reads the payload in its call, after the code of the payload's type has
        failed.
        """

        @wraps(self.function)
        def read_and_call(event: Event) -> None:
            arguments = self.arguments(event)
            if self.batch:
                self.handle_many([event], [arguments])
            else:
                self(event, arguments)

        return replace(self, function=read_and_call, reader=None, wants_event=True, batch=False)

    def _refuse_unfinished(self, returned: object) -> None:
        if isinstance(returned, _NEVER_RUN):
            getattr(returned, "close", object)()  # a coroutine would warn, much later
            raise HandlerError(
                f"handler {self.name} returned a {type(returned).__name__}, which nobody runs, so the event "
                "had no effect: run it in the handler (asgiref.sync.async_to_sync, or a loop)"
            )


class Registry:
    """The registered handlers, in the order of their registration."""

    def __init__(self) -> None:
        self._handlers: list[Handler] = []

    def __iter__(self) -> Iterator[Handler]:
        return iter(self._handlers)

    def handler(self, *types: str, replays: bool = False, batch: bool = False) -> Callable[[F], F]:
        """Call the decorated function for each event of these types; ``"*"`` is every type.

        Its first parameter is the payload, read as the annotated type. A parameter annotated ``inbox.Event``
        gets the envelope. The function runs in the transaction that records the event as handled, so its
        writes take effect once. With ``replays=True`` it also handles replayed events (``ce_replay``), once
        in each replay.

        With ``batch=True`` it gets lists, of payloads, events or both: all events of a transaction that are
        for it, up to BATCH_SIZE, in the order of each key. Before another handler gets an event of a key, the
        earlier events of that key are handled. If it fails, it is called again with each event alone, to find
        the one at fault.

        Raises:
            HandlerError: there is no type, the signature is wrong, or the module already handles the type.
        """
        if not types or not all(isinstance(name, str) and name for name in types):
            raise HandlerError(
                '@inbox.handler takes the event types as strings: @inbox.handler("shop.order.placed")'
            )

        def register(function: F) -> F:
            reader, wants_event = _read_signature(function, batch=batch)
            for name in types:
                self._add(Handler(name, function, reader, wants_event, replays, batch))
            return function

        return register

    def _add(self, handler: Handler) -> None:
        self._refuse_second(handler, (h for h in self if _module(h) == _module(handler)))
        self._handlers.append(handler)

    def of(self, modules: Iterable[str] = ()) -> dict[str, Handler]:
        """The handlers by type that are defined in ``modules`` or below; all handlers if ``modules`` is
        empty.

        Raises:
            HandlerError: two of them handle the same type.
        """
        names = tuple(modules)
        chosen: dict[str, Handler] = {}
        for handler in self:
            if not names or any(f"{_module(handler)}.".startswith(f"{name}.") for name in names):
                self._refuse_second(handler, chosen.values())
                chosen[handler.type] = handler
        return chosen

    @staticmethod
    def _refuse_second(handler: Handler, others: Iterable[Handler]) -> None:
        for other in others:
            if other.type == handler.type:
                raise HandlerError(
                    f"{handler.type} is handled by {other.name} and again by {handler.name}: call one "
                    "from the other, or give each a consumer of its own (HANDLERS in INBOX['CONSUMERS'])"
                )


def _module(handler: Handler) -> str:
    return handler.function.__module__


def _read_signature(function: Callable[..., Any], *, batch: bool) -> tuple[PayloadReader | None, bool]:
    """The reader of the payload (None if it takes the event only), and whether it takes the event."""
    name = f"{function.__module__}.{function.__qualname__}"
    annotations = _annotations(function, name)
    kinds = [_element(kind, name, of) if batch else kind for of, kind in annotations.items()]
    if kinds == [Event]:
        return None, True
    if len(kinds) == 2 and kinds[1] is not Event:
        raise HandlerError(
            f"handler {name}: its second parameter {[*annotations][1]!r} must be annotated inbox.Event"
        )
    try:
        return PayloadReader(kinds[0]), len(kinds) == 2
    except HandlerError as error:
        raise HandlerError(f"handler {name}: {error}") from error


def _annotations(function: Callable[..., Any], name: str) -> dict[str, Any]:
    """The types of its one or two parameters. Raises HandlerError for a function that cannot be a handler."""
    for is_other, kind in _OTHER_FUNCTIONS.items():
        if is_other(function):
            raise HandlerError(
                f"handler {name} is {kind}; handlers share one database transaction and are plain functions"
            )
    try:
        hints = typing.get_type_hints(function)
    except NameError as error:
        raise HandlerError(f"handler {name}: its annotation cannot be resolved ({error})") from error
    parameters = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    if not parameters or len(parameters) > 2 or any(p.kind not in _POSITIONAL for p in parameters):
        raise HandlerError(
            f"handler {name} must take (payload), (payload, event: inbox.Event) or (event: inbox.Event)"
        )
    for parameter in parameters:
        if parameter.name not in hints:
            raise HandlerError(f"handler {name}: annotate {parameter.name!r} with the type of its data")
    return {parameter.name: hints[parameter.name] for parameter in parameters}


def _element(kind: Any, handler: str, parameter: str) -> Any:
    """What the list of a batch handler holds."""
    elements = typing.get_args(kind)
    if typing.get_origin(kind) not in (list, Sequence) or len(elements) != 1:
        raise HandlerError(
            f"handler {handler} has batch=True: annotate {parameter!r} as a list, such as list[OrderPlaced]"
        )
    return elements[0]


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

registry = Registry()
handler = registry.handler
