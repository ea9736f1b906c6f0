"""E-mails: what they look like, how they are handed over, and what refusals mean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core.domain.notifications import Notification
from zona_core.domain.secrets import Secret
from zona_core.errors import Fault, NotificationFailed
from zona_notifiers._letters import letter
from zona_notifiers.mail import EmailNotifier

PASSWORD = "päss wörd canary"


@pytest.fixture
def notifier(certificate: Any) -> EmailNotifier:
    """A notifier that trusts the test's servers."""
    return EmailNotifier(certificate.trusting())


@pytest.fixture
def send(notifier: EmailNotifier, network: Any, notification_of: Callable[..., Notification]) -> Callable[..., None]:
    """Sends a notification by way of a server; ``None`` leaves an option out."""

    def send_to(server: Any, *, changes: dict[str, Any] | None = None, timeout: float = 30, **options: Any) -> None:
        usual = {
            "host": "127.0.0.1",
            "port": server.port,
            "security": "none",
            "sender": "zona@example.com",
            "recipients": ["soc@example.com"],
            "private": True,
        }
        chosen = {name: value for name, value in {**usual, **options}.items() if value is not None}
        notifier.send(notification_of(**(changes or {})), chosen, network, timeout)

    return send_to


def failure(send: Callable[..., None], *args: Any, **options: Any) -> NotificationFailed:
    """What sending raises."""
    with pytest.raises(NotificationFailed) as caught:
        send(*args, **options)
    return caught.value


def test_what_an_e_mail_says(send, mail_server_of) -> None:
    """Subject with severity, text, facts and link, in plain text and in HTML; the envelope names who is meant."""
    server = mail_server_of()
    send(server, recipients=["soc@example.com", "ciso@example.com"])
    (mail,) = server.mails
    assert (mail.sender, mail.recipients) == ("zona@example.com", ["soc@example.com", "ciso@example.com"])
    assert mail.parsed["Subject"] == "[high] Encoded PowerShell on ws-7"
    assert (mail.parsed["From"], mail.parsed["To"]) == ("zona@example.com", "soc@example.com, ciso@example.com")
    assert mail.parsed["Auto-Submitted"] == "auto-generated"
    assert mail.parsed["Date"].datetime.tzinfo is not None
    assert mail.body("plain").replace("\r\n", "\n") == (
        "Encoded PowerShell on ws-7\n\nA process was started.\nIt was stopped.\n\n"
        "Severity: high\nTenant: acme\nAbout: alerts/12\nAt: 2030-01-01T12:30:00+00:00\n"
        'Host: ws-7\nCommand: cmd.exe /c "del *_*" & <x>\n\nhttps://zona.example.com/alerts/12?a=1&b=2\n'
    )
    page = mail.body("html")
    assert "cmd.exe /c &quot;del *_*&quot; &amp; &lt;x&gt;" in page
    assert '<a href="https://zona.example.com/alerts/12?a=1&amp;b=2">' in page


def test_a_repetition_can_be_known(send, mail_server_of) -> None:
    """The message's id is the same for each attempt, and another one for another notification, tenant or odd id."""
    server = mail_server_of()
    for changes in ({}, {}, {"id": "n-18"}, {"tenant_code": "other"}, {"id": "<n>\r\nX: 1"}, {"id": "<n>\r\nX: 1"}):
        send(server, changes=changes)
    ids = [mail.parsed["Message-ID"] for mail in server.mails]
    assert ids[0] == ids[1]
    assert ids[4] == ids[5]
    assert len(set(ids)) == 4
    assert ids[0].startswith("<n-17.")
    assert ids[0].endswith("@example.com>")


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", 'https://x.example.com/"onclick="alert(1)', "//evil.example.com"]
)
def test_only_links_to_the_web_can_be_followed(send, mail_server_of, link) -> None:
    """Anything else is shown as text."""
    server = mail_server_of()
    send(server, changes={"link": link})
    assert "href" not in server.mails[0].body("html")
    assert link in server.mails[0].body("plain")


def test_a_value_of_several_lines_looks_like_no_other_fact(send, mail_server_of) -> None:
    """What follows its first line stands in."""
    server = mail_server_of()
    send(server, changes={"facts": (("Note", "one\nHost: forged"),)})
    assert "\n    Host: forged" in server.mails[0].body("plain").replace("\r\n", "\n")


texts = st.text(st.characters(), max_size=60) | st.lists(
    st.sampled_from(
        ["\r", "\n", "\r\n", "Bcc: a@b.example", "=?utf-8?q?=0D=0ABcc:_x?=", "\0", "é", ":", " ", "\u2028", "x" * 90]
    )
).map("".join)


@given(subject=texts, text=texts, fact=texts, number=texts, tenant=texts, target=texts, severity=texts)
def test_no_text_brings_a_header_along(subject, text, fact, number, tenant, target, severity) -> None:
    """Whatever a notification holds, the message has the headers that it should have, in ASCII, and its two parts."""
    notification = Notification(
        id=number,
        tenant_code=tenant,
        target=target,
        subject=subject,
        text=text,
        severity=severity,
        facts=((fact, text), (subject, fact)),
        link=fact,
        at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    made = letter(notification, "zona@example.com", ["soc@example.com"])
    head = made.partition(b"\r\n\r\n")[0].split(b"\r\n")
    names = [each.partition(b":")[0].lower() for each in head if not each.startswith((b" ", b"\t"))]
    expected = "content-type mime-version from to subject date message-id auto-submitted"
    assert sorted(name.decode() for name in names) == sorted(expected.split())
    assert made.isascii()
    assert made.count(b"\n") == made.count(b"\r") == made.count(b"\r\n")
    assert max(map(len, made.split(b"\r\n"))) < 998
    parsed = message_from_bytes(made, policy=policy.default)
    assert [part.get_content_type() for part in parsed.walk()] == ["multipart/alternative", "text/plain", "text/html"]


def test_starttls(send, mail_server_of, certificate) -> None:
    """Log-in and message go over TLS, and nothing before it but the greeting."""
    server = mail_server_of(starttls=certificate.serving())
    send(server, security="starttls", username="zona", password=Secret(PASSWORD))
    assert [(mail.encrypted, mail.login) for mail in server.mails] == [(True, ("zona", PASSWORD))]
    assert [command.partition(" ")[0] for command in server.commands] == (
        ["ehlo", "STARTTLS", "ehlo", "AUTH", "mail", "rcpt", "data", "QUIT"]
    )


def test_tls_from_the_first_byte(send, mail_server_of, certificate) -> None:
    """The log-in by LOGIN, where PLAIN is not offered."""
    server = mail_server_of(tls=certificate.serving(), features=("AUTH LOGIN",))
    send(server, security="tls", username="zona", password=Secret(PASSWORD))
    assert [(mail.encrypted, mail.login) for mail in server.mails] == [(True, ("zona", PASSWORD))]


def test_nothing_is_sent_where_tls_is_not_offered(send, mail_server_of) -> None:
    """Who takes STARTTLS away learns nothing."""
    server = mail_server_of()
    error = failure(send, server, security="starttls", username="zona", password=Secret(PASSWORD))
    assert (error.code, error.retryable) == ("smtp_not_supported", False)
    assert "STARTTLS" in error.message
    assert [command.partition(" ")[0] for command in server.commands] == ["ehlo"]


def test_a_certificate_that_is_not_trusted(mail_server_of, certificate, network, notification_of) -> None:
    """The machine's trust store does not know the server: nothing is sent."""
    server = mail_server_of(starttls=certificate.serving())
    options = {"host": "127.0.0.1", "port": server.port, "sender": "a@example.com", "recipients": ["b@example.com"]}
    with pytest.raises(NotificationFailed) as caught:
        EmailNotifier().send(notification_of(), {**options, "private": True}, network, 30)
    assert (caught.value.code, caught.value.retryable) == ("tls_failed", False)
    assert server.mails == []


def test_a_password_goes_over_tls_or_within_private_networks(notifier, send, mail_server_of, network, names) -> None:
    """Without TLS it is a fault, but for a channel that is private, which then reaches no public address."""
    options = {"host": "smtp.zona.test", "security": "none", "sender": "a@example.com", "recipients": ["b@example.com"]}
    options |= {"username": "zona", "password": Secret(PASSWORD)}
    (fault,) = notifier.faults(options)
    assert fault.path == "security"
    assert notifier.faults({**options, "private": True}) == []
    server = mail_server_of()
    send(server, username="zona", password=Secret(PASSWORD))
    assert server.mails[0].login == ("zona", PASSWORD)
    names.set("smtp.zona.test", ["198.41.0.4"])
    error = failure(send, server, host="smtp.zona.test", username="zona", password=Secret(PASSWORD))
    assert (error.code, error.retryable) == ("address_refused", False)
    assert "TLS" in error.message


@pytest.mark.parametrize(
    ("command", "answer", "code", "retryable"),
    [
        ("mail", "451 4.3.0 try later", "smtp_refused", True),
        ("mail", "550 5.7.1 we do not know you", "smtp_refused", False),
        ("rcpt", "450 4.2.1 greylisted", "recipients_refused", True),
        ("rcpt", "550 5.1.1 no such user", "recipients_refused", False),
        ("rcpt", "421 4.3.2 closing", "recipients_refused", True),
        ("data", "554 5.7.1 no", "smtp_refused", False),
        ("message", "452 4.3.1 no room", "smtp_refused", True),
        ("message", "554 5.7.1 spam", "smtp_refused", False),
        ("message", "oh", "invalid_response", False),
    ],
)
def test_what_a_refusal_means(send, mail_server_of, command, answer, code, retryable) -> None:
    """RFC 5321 §4.2.1: 4yz may be taken another time, 5yz will not; the server's words are told."""
    server = mail_server_of()
    server.answer = lambda text: answer if text.startswith(command) else None
    error = failure(send, server)
    assert (error.code, error.retryable) == (code, retryable)
    assert code == "invalid_response" or answer[:3] in error.message
    assert server.mails == []


@pytest.mark.parametrize(
    ("greeting", "code", "retryable"),
    [
        ("421 too busy", "smtp_refused", True),
        ("554 go away", "smtp_refused", False),
        ("HTTP/1.1 400 Bad Request", "invalid_response", False),
    ],
)
def test_what_a_greeting_means(send, mail_server_of, greeting, code, retryable) -> None:
    """A server may refuse before anything is said, or be none."""
    server = mail_server_of()
    server.greeting = greeting
    error = failure(send, server)
    assert (error.code, error.retryable) == (code, retryable)


def test_recipients_who_are_refused_while_others_are_not(send, mail_server_of) -> None:
    """The others have it; who has not, and why, is told, and it may be tried again if one of them may."""
    server = mail_server_of()
    everybody = ["a@example.com", "b@example.com", "c@example.com"]
    server.answer = lambda text: "550 5.1.1 unknown" if text.startswith("rcpt") and "b@" in text else None
    error = failure(send, server, recipients=everybody)
    assert server.mails[0].recipients == ["a@example.com", "c@example.com"]
    assert (error.code, error.retryable) == ("recipients_refused", False)
    assert error.details == {"refused": {"b@example.com": "550 5.1.1 unknown"}, "taken": 2}
    assert "1 of 3" in error.message
    server.answer = lambda text: "450 later" if text.startswith("rcpt") and "b@" in text else None
    assert failure(send, server, recipients=everybody).retryable


@pytest.mark.parametrize(("answer", "retryable"), [("535 5.7.8 no {}", False), ("454 4.7.0 not now {}", True)])
def test_a_log_in_that_is_refused(send, mail_server_of, answer, retryable) -> None:
    """It is told so without the password, even if the server repeats it, in any form."""
    server = mail_server_of()
    token = "AHpvbmEAcMOkc3Mgd8O2cmQgY2FuYXJ5"
    server.answer = lambda text: answer.format(f"{PASSWORD} {token}") if text == "login" else None
    error = failure(send, server, username="zona", password=Secret(PASSWORD))
    assert (error.code, error.retryable) == ("smtp_refused", retryable)
    assert "log-in" in error.message
    told = f"{error!r} {error.as_dict()}"
    assert PASSWORD not in told
    assert token not in told


def test_a_farewell_that_goes_wrong(send, mail_server_of) -> None:
    """What was taken is taken."""
    server = mail_server_of()
    server.answer = lambda text: "500 what?" if text == "QUIT" else None
    send(server)
    assert len(server.mails) == 1


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({}, []),
        ({"host": "::1"}, []),
        ({"host": "exa mple.com"}, ["host"]),
        ({"host": "example.com\r\nX"}, ["host"]),
        ({"host": "bücher.example"}, ["host"]),
        ({"sender": "Zona <zona@example.com>"}, ["sender"]),
        ({"sender": "zona@example.com\r\nBcc: x@example.com"}, ["sender"]),
        ({"sender": "zona"}, ["sender"]),
        ({"recipients": ["a@example.com", "b@", "c@exa\nmple.com"]}, ["recipients[1]", "recipients[2]"]),
        ({"username": "zona"}, ["password"]),
        ({"password": Secret("x")}, ["username"]),
        ({"username": "zona", "password": Secret("x")}, []),
    ],
)
def test_faults(notifier, changes, paths) -> None:
    """Each is told where it is."""
    options = {
        "host": "smtp.example.com",
        "security": "starttls",
        "sender": "zona@example.com",
        "recipients": ["soc+zona@mail.example.com"],
        "private": False,
    }
    assert [fault.path for fault in notifier.faults({**options, **changes})] == paths


def test_options_that_went_stale(send, mail_server_of) -> None:
    """They are checked again before anything is sent."""
    server = mail_server_of()
    error = failure(send, server, recipients=["soc@example.com\r\nBcc: x@example.com"], host=None)
    assert (error.code, error.retryable) == ("invalid_options", False)
    assert [fault.path for fault in error.faults] == ["host"]
    assert failure(send, server, sender="a@b\n").faults == (
        Fault("sender", "is no e-mail address", "name@example.com, in ASCII and without a display name"),
    )
    assert server.commands == []
