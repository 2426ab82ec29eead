"""Sends mails, and decides whether a refusal is final."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable, Sequence

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

import inbox

KEEP_OPEN = 5.0  # seconds; a mail server that has heard nothing for longer may have hung up


class Mailer:
    """Sends mails over a connection that stays open while there is something to send."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._connection: BaseEmailBackend | None = None
        self._used_at = 0.0

    def send(self, messages: Sequence[EmailMessage]) -> None:
        """Hand the mails to the mail server.

        Raises:
            RetryLater: it is not there, or takes no mail at the moment (a 4xx reply).
        """
        try:
            self._opened().send_messages(messages)
            self._used_at = self._clock()
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            if _is_for_good(error):
                raise
            raise inbox.RetryLater(f"the mail server: {error}") from error

    def close(self) -> None:
        """Hang up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _opened(self) -> BaseEmailBackend:
        if self._clock() > self._used_at + KEEP_OPEN:
            self.close()
        if self._connection is None:
            self._connection = get_connection()
            self._connection.open()
        return self._connection


def _is_for_good(error: Exception) -> bool:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return any(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code >= 500 and not isinstance(
            error, (smtplib.SMTPAuthenticationError, smtplib.SMTPConnectError)
        )
    return isinstance(error, smtplib.SMTPNotSupportedError)


mailer = Mailer()
