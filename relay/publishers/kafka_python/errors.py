"""What kafka-python's errors mean."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from kafka import errors as kafka_errors

from outbox_core.kafka_python import words
from outbox_core.kafka_reasons import explained
from relay.errors import RelayError
from relay.publishers.base import Failure, Trouble

_OF_RECORD = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidRecordError,
    kafka_errors.PolicyViolationError,
)

_OF_TOPIC = (
    kafka_errors.InvalidTopicError,
    kafka_errors.InvalidTimestampError,
    kafka_errors.UnsupportedForMessageFormatError,
    kafka_errors.UnsupportedCompressionTypeError,
)


def is_of_client(error: Exception) -> bool:
    """Whether the client raised it, not this project's code."""
    if isinstance(error, (RelayError, ImproperlyConfigured)):
        return False
    return isinstance(error, (kafka_errors.KafkaError, OSError)) or _is_raised_in_client(error)


def _is_raised_in_client(error: Exception) -> bool:
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").startswith("kafka."):
            return True
        trace = trace.tb_next
    return False


def failure(topic: str, error: BaseException) -> Failure:
    """An error that ended the producer applies to everything in flight, whatever the topic."""
    trouble = Trouble.RETRIABLE
    if isinstance(error, _OF_RECORD):
        trouble = Trouble.RECORD
    elif _is_of_topic(topic, error):
        trouble = Trouble.TOPIC_FORBIDDEN
    return Failure(trouble, explained(words(error)))


def _is_of_topic(topic: str, error: BaseException) -> bool:
    if isinstance(error, kafka_errors.TopicAuthorizationFailedError):
        return topic in error.args
    return isinstance(error, _OF_TOPIC)
