"""Tickets by e-mail. A second try of a message that had arrived after all is told by its Message-ID, which
is made of our number: mail servers and help desks drop or thread what they have.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from kb.desk.parcel import NotEver, NotNow, Parcel, Send
from kb.desk.wire import ending
from kb.settings import Settings


def sender(settings: Settings) -> Send:
    """Needs KB_DESK_URL (smtp://host:587 or smtps://host), KB_DESK_FROM and KB_DESK_TO."""
    server = urlsplit(settings.desk_url)

    def send(parcel: Parcel) -> str:
        mail = message(parcel, settings.desk_from, settings.desk_to)
        try:
            with _connected(server, settings) as smtp:
                smtp.send_message(mail)
        except smtplib.SMTPAuthenticationError as error:
            raise NotNow(f"the server does not know us ({error.smtp_code})") from error
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise _failure(max(codes)) from error
        except smtplib.SMTPResponseException as error:
            raise _failure(error.smtp_code) from error
        except (smtplib.SMTPException, OSError) as error:
            raise NotNow(f"no answer: {type(error).__name__}") from error
        return ""

    return send


def message(parcel: Parcel, sent_from: str, sent_to: str) -> EmailMessage:
    """Plain text; an answer goes to the customer. Date and Message-ID are the same at every try."""
    mail = EmailMessage()
    mail["From"] = sent_from
    mail["To"] = sent_to
    if parcel.email:
        mail["Reply-To"] = parcel.email
    # a line break in a header would begin another header; the subject was checked, and is flattened again
    mail["Subject"] = f"[{parcel.id}] {' '.join(parcel.subject.split())}"
    mail["Date"] = format_datetime(datetime.fromtimestamp(parcel.at / 1000, UTC))
    mail["Message-ID"] = f"<{parcel.id}@{sent_from.rpartition('@')[2].rstrip('>')}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-KB-Ticket"] = parcel.id
    mail["Content-Language"] = parcel.locale
    # readable for servers of seven bits, too
    mail.set_content(parcel.body, cte="base64")
    return mail


@contextmanager
def _connected(server: SplitResult, settings: Settings) -> Iterator[smtplib.SMTP]:
    """A session, encrypted where the server can, and always before a password goes to another machine."""
    host, seconds, tls = server.hostname or "", settings.desk_timeout, ssl.create_default_context()
    name = settings.desk_from.rpartition("@")[2].rstrip(">")
    if server.scheme == "smtps":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, server.port or 465, name, timeout=seconds, context=tls)
    else:
        smtp = smtplib.SMTP(host, server.port or 587, name, seconds)
    try:
        with ending(lambda: smtp.sock, seconds):
            smtp.ehlo()
            if server.scheme == "smtp" and smtp.has_extn("starttls"):
                smtp.starttls(context=tls)
                smtp.ehlo()
            elif server.scheme == "smtp" and settings.desk_user and not _here(host):
                raise NotNow("the server offers no encryption, so the password is not told")
            if settings.desk_user:
                smtp.login(settings.desk_user, settings.desk_secret.value)
            yield smtp
        # what was accepted stays accepted, however the goodbye goes
        with suppress(smtplib.SMTPException, OSError):
            smtp.quit()
    finally:
        smtp.close()


def _here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _failure(code: int) -> Exception:
    return NotEver(f"refused with {code}") if 500 <= code < 600 else NotNow(f"answered {code}")
