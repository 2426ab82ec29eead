"""What librdkafka's errors mean."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaError, KafkaException

from outbox_core.kafka_reasons import explained
from outbox_core.librdkafka import of, words
from relay.publishers.base import Failure, Trouble

CLIENT_ERRORS = (KafkaException, BufferError, OSError, RuntimeError, SystemError)
"""What the client raises: RuntimeError for a handle that has ended, SystemError see ``raised``."""
LOST = KafkaError(KafkaError._FATAL, "the client has ended, and its log says why", fatal=True)

_TROUBLES = {
    KafkaError.MSG_SIZE_TOO_LARGE: Trouble.RECORD,
    KafkaError.RECORD_LIST_TOO_LARGE: Trouble.RECORD,
    KafkaError.INVALID_RECORD: Trouble.RECORD,
    KafkaError.POLICY_VIOLATION: Trouble.RECORD,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Trouble.TOPIC_FORBIDDEN,
    KafkaError.TOPIC_EXCEPTION: Trouble.TOPIC_FORBIDDEN,
    KafkaError.INVALID_TIMESTAMP: Trouble.TOPIC_FORBIDDEN,
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT: Trouble.TOPIC_FORBIDDEN,
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE: Trouble.TOPIC_FORBIDDEN,
    KafkaError.UNKNOWN_TOPIC_OR_PART: Trouble.TOPIC_MISSING,
    KafkaError._UNKNOWN_TOPIC: Trouble.TOPIC_MISSING,
}


def raised(error: BaseException) -> BaseException:
    """The original error of the client. ``flush`` may continue after a fatal error. The next callback then
    ends in a SystemError, whose cause is the fatal error, if the client has not lost it.
    """
    if not isinstance(error, SystemError):
        return error
    cause = error.__cause__
    return KafkaException(LOST) if cause is None or of(cause) is None else cause


def is_fatal(error: BaseException | None) -> bool:
    """Whether it ended the client that raised it. A client that has ended raises _FATAL from produce(), and
    does not mark it.
    """
    own = of(error) if error is not None else None
    return own is not None and (bool(own.fatal()) or own.code() == KafkaError._FATAL)


def failure(error: Any) -> Failure:
    """The failure for a report's error or for an exception of the client."""
    own = error if isinstance(error, KafkaError) else of(error)
    if own is None:
        return Failure(Trouble.RETRIABLE, explained(words(error)))
    trouble = Trouble.RETRIABLE if own.fatal() else _TROUBLES.get(own.code(), Trouble.RETRIABLE)
    return Failure(trouble, explained(f"{own.name()}: {own.str()}"))
