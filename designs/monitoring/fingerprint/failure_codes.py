"""Recognition of numbers that identify a kind of failure: status, error and exit codes, signals, versions. Pure.

``HTTP 404`` and ``HTTP 500`` are two bugs, ``row 404`` and ``row 500`` are one. The words around a number decide.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from designs.monitoring.fingerprint.message_tokens import word_set

__all__ = ["is_failure_code"]

_CHARS_BEFORE = 64
_MAX_GAP = 5
_SEPARATORS = " \t:=#([{<>\"'/-_\\"
_SHORT, _LONG = 6, 11
_STATUS_CHARS = 3
_CLOSE_CHARS = 4
_WINDOWS_CHARS = 10

# After these words, any number of up to five digits is a code.
_CODES = word_set(
    "alert alertnumber backendstatus closecode curl ddlerror dberror err errcode errno errnum error errorcode "
    "errornumber errorlevel errorno exitcode exitstatus exitvalue faultcode grpccode grpcstatus gaierror "
    "getlasterror herror httpcode httperror httpresponse httpstatus httpstatuscode ioerror lasterror ldaperror "
    "oserror pgcode pgerror replycode respcode responsecode responsestatus resultcode retcode retval returncode "
    "returnstatus returnvalue ret rcode rfc rpc rc sig signal signum smtpcode smtperror socketerror sqlcode "
    "sqlerror sqlstate status statuscode stopcode subcode vendorcode winerror win32error wsaerror xacode"
)
# These words also introduce the long unsigned codes of Windows.
_LARGE = word_set("errorcode exitcode exitstatus hresult ntstatus returncode sqlcode status statuscode winerror")
# Before "code" or "status", these mean the id of one thing, not a failure.
_NOT_CODES = word_set(
    "access account activation area backup bar barcode batch booking branch city claim colour color confirmation "
    "country coupon currency customer dial discount gift group invitation invite invoice item language lookup "
    "login mfa order otp part pass passcode person phone pin post postal product project promo promotion qr "
    "recovery referral registration reservation room secret security sms source station store swift time tracking "
    "two-factor unlock verification voucher zip"
)
_PROTOCOLS = word_set("amqp dtls ftp ftps grpc http https imap ldap pop3 sftp sip smtp")
_VERSIONED = _PROTOCOLS | word_set(
    "amqp css dtls html iges ipv kerberos mqtt ntlm oauth odbc openid opengl pdf protocol saml smb snmp soap ssh "
    "ssl tls tlsv sslv usb vulkan webdav webgl xml"
)
_ANSWERED = word_set(
    "answered answer answers got gets received receives replied replies responded responds response responses "
    "returned returns returning gave gives threw raised unexpected reply"
)
_ANSWERED_WITH = word_set("answered answers failed fails rejected refused replied replies responded responds returned")
_EXITED = word_set("died ended exit exited exits failed finished quit quits returned stopped terminated crashed")
_COMMANDS = word_set("child command executable process program script shell subprocess")
_STATUSES = word_set(
    "100 101 102 103 200 201 202 203 204 205 206 207 208 226 300 301 302 303 304 305 306 307 308 400 401 402 403 "
    "404 405 406 407 408 409 410 411 412 413 414 415 416 417 418 421 422 423 424 425 426 428 429 431 440 444 449 "
    "450 451 460 463 494 495 496 497 498 499 500 501 502 503 504 505 506 507 508 509 510 511 520 521 522 523 524 "
    "525 526 527 529 530 550 551 552 553 554 598 599"
)
# HRESULT and NTSTATUS: severity bits, then an assigned facility.
_WINDOWS = re.compile(r"0x(?:80[0-2][0-9a-f]|c0(?:00|01|14|15|19|23|26))[0-9a-f]{4}|-(?:2147|1073)\d{6}", re.IGNORECASE)
_LISTENS = re.compile(
    r"(?:accept(?:s|ing)|already|bind|bound|expos|listen|publish|run|serv|start|up)[a-z]*\b"
    r"(?:(?! from )[^,;.]|\.\d){0,32}\Z",
    re.IGNORECASE,
)
_IN_USE = re.compile(r"\)?\]? (?:is |was )?(?:already|still|in use|taken|occupied)")
_COUNTED = re.compile(
    r" ?(?:of(?= \d)|out of|times?|more|rows?|items?|retries|attempts?|bytes?|files?|records?|%)(?!\w)| ?/ ?\d"
)
_REASON = re.compile(
    r" [A-Z][a-z]|\b *(?:\Z|[.,;:!?)\]}\"'\n>]"
    r"|(?:after|again|and|at|because|but|by|during|for|from|in|instead|on|to|when|while|with)\b)"
)
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_REPLY_BEFORE = re.compile(r"(?<!\d)[245]\d\d[ -](?:\(|#)?\Z")
_TRAILS = re.compile(r" (?:error|response|status)(?!\w)", re.IGNORECASE)
_REQUEST = re.compile(r"(?:DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT) \S{1,200}(?: [-=]>| :|:)? \Z")
_AFTER_VERSION = re.compile(r"(?:HTTP|RTSP|SIP)/\d(?:\.\d)?[\"' ]{1,4}\Z")
# ERROR 1045 (28000), SQLSTATE[HY000] [2002]
_ERROR_BEFORE = re.compile(r"(?:error[ :=]{1,2}\d{1,5} \(|sqlstate\[\w{5}\] \[)\Z", re.IGNORECASE)
_VERSION = re.compile(r"\d{1,2}(?:\.\d{1,2}){0,2}")


def is_failure_code(text: str, start: int, end: int) -> bool:
    """Return whether the number at this place of a message is a failure code, as ``404`` in ``HTTP 404`` is."""
    if end - start > _LONG or _is_count(text, end):
        return False
    before = text[max(0, start - _CHARS_BEFORE) : start]
    stem = before.rstrip(_SEPARATORS)
    # "[error] 31#31: ..." has the log level in brackets, followed by the process id.
    if stem != before and len(before) - len(stem) <= _MAX_GAP and not stem.lower().endswith(("[error]", "[alert]")):
        words = stem.replace("_", " ").replace("-", " ").replace(".", " ").rsplit(None, 2)
        last = _word(words, 1)
        rule = _RULES.get(last)
        if rule is not None and rule(_Number(text, start, end, before, last, _word(words, 2))):
            return True
        if last.startswith("sig") and last[3:].isalpha() and before.endswith(": "):
            # As in "<Signals.SIGKILL: 9>".
            return True
    return _leads_a_reply(text, start, end, before, stem)


def _is_count(text: str, end: int) -> bool:
    return text[end : end + 1] in {" ", "/", "%"} and _COUNTED.match(text, end) is not None


def _leads_a_reply(text: str, start: int, end: int, before: str, stem: str) -> bool:
    """Return whether the number starts a reply: ``404 Not Found``, ``550 5.1.1 ...``, ``(1045, 'Access denied')``."""
    value, after = text[start:end], text[end : end + 3]
    if before[-1:] in {"(", "["} and len(value) < _SHORT and _ERROR_BEFORE.search(before):
        return True
    if before[-1:] == "(" and after in {", '", ', "', ", b", ", u"} and len(value) < _SHORT:
        # The arguments of an exception.
        return True
    if value[:2] in {"0x", "0X", "-2", "-1"} and len(value) >= _WINDOWS_CHARS:
        return _WINDOWS.fullmatch(value) is not None
    if "." in value:
        return _ENHANCED.fullmatch(value) is not None and _REPLY_BEFORE.search(before) is not None
    if value not in _STATUSES:
        return False
    if _ENHANCED.match(text, end + 1):
        return True
    if value[0] in "45" and _is_rejecting(text, end, before, stem):
        return True
    opens = not stem or before.endswith((": ", '"', "'", "(", "- ", "[", "\n"))
    return opens and after[:1] == " " and after[1:2].isupper() and after[2:3].islower()


def _is_rejecting(text: str, end: int, before: str, stem: str) -> bool:
    """Return whether the reply consists of the status alone: ``[404]``, ``404 error``, ``GET /x -> 404``."""
    if _TRAILS.match(text, end) or (not stem and before[-1:] == "["):
        return True
    return "/" in before and _REQUEST.search(before) is not None


class _Number(NamedTuple):
    """A number, its position in the text, and the two words before it."""

    text: str
    start: int
    end: int
    before: str
    last: str
    previous: str

    @property
    def value(self) -> str:
        return self.text[self.start : self.end]

    @property
    def digits(self) -> str:
        return self.value.lstrip("+-v\N{MINUS SIGN}")


def _is_code(number: _Number) -> bool:
    if number.last in {"status", "signal"} and number.previous in _NOT_CODES:
        return False
    return len(number.digits) < _SHORT or number.last in _LARGE or number.value[:2] in {"0x", "0X"}


def _is_any_code(number: _Number) -> bool:
    if number.previous in _NOT_CODES:
        return False
    return len(number.digits) < _SHORT or number.previous in {"error", "exit", "return", "status"}


def _is_of_protocol(number: _Number) -> bool:
    if number.last in _VERSIONED and _VERSION.fullmatch(number.digits):
        return True
    is_code = number.digits in _STATUSES or number.last not in {"http", "https"}
    return number.last in _PROTOCOLS and is_code and len(number.digits) <= _STATUS_CHARS


def _is_own_port(number: _Number) -> bool:
    way = number.before[: number.before.lower().rfind("port")]
    return _LISTENS.search(way) is not None or _IN_USE.match(number.text, number.end) is not None


def _is_close(number: _Number) -> bool:
    return number.value.startswith("10") and len(number.value) == _CLOSE_CHARS and "socket" in number.before.lower()


def _is_rejection(number: _Number) -> bool:
    # Excludes "failed 500 times" and the counts of passed and failed in a summary.
    return number.value[0] in "45" and number.before[-2:] in {" (", ": "} and _is_answer(number)


def _is_message_of_sql_server(number: _Number) -> bool:
    return number.text.startswith(", Level ", number.end)


def _is_exit(number: _Number) -> bool:
    if number.last == "with" and number.previous not in _EXITED:
        return False
    is_of_command = number.last in {"exit", "exited", "with"} or number.previous in _COMMANDS
    return (is_of_command or number.value[0] == "-") and len(number.digits) <= _STATUS_CHARS


def _is_answer(number: _Number) -> bool:
    if number.last == "with" and number.previous not in _ANSWERED_WITH:
        return False
    return number.digits in _STATUSES and _REASON.match(number.text, number.end) is not None


def _word(words: list[str], place: int) -> str:
    word = words[-place].lower() if len(words) >= place else ""
    return word if word.isalpha() else word.strip("()[]{}<>\"'*,:;=#/\\!?").rpartition("/")[2]


_RULES_OF_WORDS: tuple[tuple[frozenset[str], Callable[[_Number], bool]], ...] = (
    (_CODES, _is_code),
    (frozenset({"code", "errcode"}), _is_any_code),
    (frozenset({"hresult", "ntstatus"}), lambda _: True),
    (frozenset({"number"}), lambda number: number.previous in {"error", "alert"} and _is_code(number)),
    (_VERSIONED, _is_of_protocol),
    (frozenset({"port"}), _is_own_port),
    (frozenset({"with"}), lambda number: _is_exit(number) or _is_answer(number)),
    (_ANSWERED, lambda number: _is_answer(number) or (number.last in _EXITED and _is_exit(number))),
    (frozenset({"failed", "failure", "rejected", "refused"}), lambda number: _is_rejection(number) or _is_exit(number)),
    (_EXITED, _is_exit),
    (frozenset({"close", "closed", "disconnect", "disconnected"}), _is_close),
    (frozenset({"msg"}), _is_message_of_sql_server),
    # HTTP/1.1" 404
    (frozenset({"0", "1", "2", "3"}), lambda number: _AFTER_VERSION.search(number.before) is not None),
)
# If a word belongs to several rules, the first one applies.
_RULES = {word: rule for words, rule in reversed(_RULES_OF_WORDS) for word in words}
