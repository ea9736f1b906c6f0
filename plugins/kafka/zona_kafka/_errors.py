"""librdkafka's errors as ``StreamFailed``.

It is raised ``from None``: what a driver's exception says beside it would go past the hiding of the password.
"""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaError, KafkaException

from zona_core.errors import StreamFailed

from ._options import Options

__all__ = ["LOST_MEMBERSHIP", "error_of", "failure", "is_permanent"]

#: the group has gone on without this reader: its partitions belong to others by now
LOST_MEMBERSHIP: Final = frozenset(
    (KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError.FENCED_INSTANCE_ID)
)

#: what does not go away by waiting: somebody has to change rights, options or the cluster
_PERMANENT: Final = frozenset(
    (
        KafkaError._AUTHENTICATION,
        KafkaError._FATAL,
        KafkaError._FENCED,
        KafkaError._INVALID_ARG,
        KafkaError._SSL,
        KafkaError._UNSUPPORTED_FEATURE,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.ILLEGAL_SASL_STATE,
        KafkaError.INCONSISTENT_GROUP_PROTOCOL,
        KafkaError.INVALID_GROUP_ID,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_SESSION_TIMEOUT,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.POLICY_VIOLATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.SECURITY_DISABLED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.UNSUPPORTED_VERSION,
    )
)


def error_of(raised: KafkaException) -> KafkaError:
    """The error inside of an exception."""
    error: KafkaError = raised.args[0]
    return error


def is_permanent(error: KafkaError) -> bool:
    """Whether waiting does not help.

    NOTE: a certificate that does not fit is an error of TLS or one of the connection, as it happens: only the text,
    which is OpenSSL's, is always the same.
    """
    return error.fatal() or error.code() in _PERMANENT or "certificate verify failed" in error.str()


def failure(error: KafkaError, what: str, options: Options) -> StreamFailed:
    """``what`` could not be done, because of ``error``; its text comes without the password."""
    return StreamFailed(
        f"{what}: {options.hidden(error.str())}",
        retryable=not is_permanent(error),
        topic=options.topic,
        error=error.name(),
    )
