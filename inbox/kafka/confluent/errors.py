"""What librdkafka's errors mean to the inbox."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from inbox.errors import NoAnswer
from outbox_core.librdkafka import of, words

_TOPIC_MISSING = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.TOPIC_EXCEPTION,
}
TOPIC_UNREADABLE = {*_TOPIC_MISSING, KafkaError.TOPIC_AUTHORIZATION_FAILED}
_NO_ANSWER = {
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError._WAIT_COORD,
    KafkaError._WAIT_CACHE,
    KafkaError._NOENT,  # no partition has a leader
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_COORDINATOR,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NETWORK_EXCEPTION,
}
_NOT_OF_A_BATCH = {
    *TOPIC_UNREADABLE,
    *_NO_ANSWER,
    KafkaError._PARTITION_EOF,
    KafkaError._AUTO_OFFSET_RESET,
    KafkaError._MAX_POLL_EXCEEDED,
}
_OF_THE_GROUP = {
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.GROUP_MAX_SIZE_REACHED,
    KafkaError.INCONSISTENT_GROUP_PROTOCOL,
    KafkaError.INVALID_GROUP_ID,
    KafkaError.INVALID_SESSION_TIMEOUT,
    KafkaError.UNSUPPORTED_VERSION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._UNSUPPORTED_FEATURE,
}


def code(error: BaseException) -> int:
    """The code of librdkafka's own error."""
    own = of(error)
    return KafkaError.UNKNOWN if own is None else int(own.code())


def translated(error: KafkaException) -> Exception:
    """The same error, as NoAnswer if it means that."""
    return NoAnswer(words(error)) if code(error) in _NO_ANSWER else error


def ends_a_member(error: KafkaError) -> bool:
    """Whether this member must be replaced, because it does not recover from the error by itself."""
    return bool(error.fatal()) or error.code() in _OF_THE_GROUP


def is_of_a_batch(error: KafkaError) -> bool:
    """Whether the error prevents reading the next batch of a partition."""
    return not error.fatal() and error.code() not in _NOT_OF_A_BATCH
