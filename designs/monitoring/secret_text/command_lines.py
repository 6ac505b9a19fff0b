"""Secrets on command lines: values of one-letter options, and secret positional arguments. Pure.

A command is found by its program's name, in text (`mysql -pS`) and in the argument list of a subprocess exception.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from designs.monitoring.secret_text.shapes import FILTERED
from designs.patterns import compile_pattern

__all__ = ["argument_secrets", "filter_arguments", "filter_commands", "may_hold_command"]

Found = Iterator[tuple[int, int]]
"""Index of each argument that contains a secret, and the offset where the secret begins in it."""


def _attached_to(*options: str) -> Callable[[Sequence[str]], Found]:
    def find(arguments: Sequence[str]) -> Found:
        for place, argument in enumerate(arguments):
            for option in options:
                if argument.startswith(option) and len(argument) > len(option) and argument[len(option)] != "=":
                    yield place, len(option)

    return find


def _value_of(*options: str, only: str = "") -> Callable[[Sequence[str]], Found]:
    def find(arguments: Sequence[str]) -> Found:
        if only and only not in arguments:
            return
        for place, argument in enumerate(arguments[:-1]):
            if argument in options and not arguments[place + 1].startswith("-"):
                yield place + 1, 0

    return find


def _password_of_user(sign: str, *options: str) -> Callable[[Sequence[str]], Found]:
    """Find the password after a user name: `-u bob:S`, `-ubob:S`, `-U bob%S`."""

    def find(arguments: Sequence[str]) -> Found:
        for place, argument in enumerate(arguments):
            before = arguments[place - 1] if place else ""
            attached = next((option for option in options if argument.startswith(option) and argument != option), "")
            if (
                (before in options or attached or _is_combined(before, options))
                and sign in argument[len(attached) :]
                and "://" not in argument
            ):
                yield place, argument.index(sign, len(attached)) + 1

    return find


def _is_combined(argument: str, options: Sequence[str]) -> bool:
    """Return whether combined one-letter options end with one of these options: `-su bob:S`."""
    return _is_letters(argument) and f"-{argument[-1]}" in options


def _last_with_mode(mode: str) -> Callable[[Sequence[str]], Found]:
    """Find the last argument if combined one-letter options contain a letter: `htpasswd -nb bob S`."""

    def find(arguments: Sequence[str]) -> Found:
        if len(arguments) > 1 and any(_is_letters(argument) and mode in argument for argument in arguments[:-1]):
            yield len(arguments) - 1, 0

    return find


def _secret_option_of(options: dict[str, str]) -> Callable[[Sequence[str]], Found]:
    """Find the value of the secret option of a subcommand: `security unlock-keychain -p S`."""

    def find(arguments: Sequence[str]) -> Found:
        option = options.get(arguments[0]) if arguments else None
        if option in arguments[:-1]:
            yield arguments.index(option) + 1, 0

    return find


def _last_after(word: str) -> Callable[[Sequence[str]], Found]:
    """Find the last argument of a subcommand whose only positional argument is secret: `openssl passwd -6 S`."""

    def find(arguments: Sequence[str]) -> Found:
        if len(arguments) > 1 and arguments[0] == word and not arguments[-1].startswith(("-", "/")):
            yield len(arguments) - 1, 0

    return find


def _is_letters(argument: str) -> bool:
    return argument[:1] == "-" and argument[1:].isalpha()


def _from_literal(arguments: Sequence[str]) -> Found:
    """Find the values of a secret that a command creates: `create secret generic x --from-literal=key=S`."""
    if "secret" in arguments:
        for place, argument in enumerate(arguments):
            if argument.startswith("--from-literal=") and argument.count("=") > 1:
                yield place, argument.index("=", len("--from-literal=")) + 1


def _argument(number: int, *, after: str = "") -> Callable[[Sequence[str]], Found]:
    """Find the positional argument with this number, counted after the word ``after`` if one is given."""

    def find(arguments: Sequence[str]) -> Found:
        start = arguments.index(after) + 1 if after in arguments else (len(arguments) if after else 0)
        plain = [place for place in range(start, len(arguments)) if not arguments[place].startswith(("-", "/"))]
        if len(plain) >= number:
            yield plain[number - 1], 0

    return find


_MYSQL = (_attached_to("-p"),)
_LOGIN = (_value_of("-p", only="login"), _attached_to("--password="))
_LDAP = (_value_of("-w"), _attached_to("-w"))
_MONGO = (_value_of("-p"), _attached_to("-p"))
_SNMP = (_value_of("-c", "-A", "-X"), _attached_to("-c", "-A", "-X"))
_ZIP = (_value_of("-P"),)
_MOSQUITTO = (_value_of("-P", "--pw"),)
_ORACLE = (_password_of_user("/"),)
_TOOLS: dict[str, tuple[Callable[[Sequence[str]], Found], ...]] = {
    **dict.fromkeys(("mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlcheck", "mysqlshow", "mariadb"), _MYSQL),
    **dict.fromkeys(("mariadb-dump", "mariadb-admin", "mysqlbinlog", "mysqlslap", "xtrabackup", "mydumper"), _MYSQL),
    **dict.fromkeys(("7z", "7za", "7zr", "unrar", "rar", "unar"), (_attached_to("-p", "-hp"),)),
    "sshpass": (_value_of("-p"), _attached_to("-p")),
    **dict.fromkeys(("docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "oc", "az", "crane", "oras"), _LOGIN),
    **dict.fromkeys(
        ("cf", "ibmcloud", "argocd", "doctl", "heroku", "npm", "twine"), (*_LOGIN, _value_of("-p", only="upload"))
    ),
    **dict.fromkeys(
        ("mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "mongostat"), _MONGO
    ),
    **dict.fromkeys(
        (
            "cqlsh",
            "cypher-shell",
            "pgbouncer",
            "smbmap",
            "rdesktop",
            "evil-winrm",
            "hydra",
            "vsql",
            "useradd",
            "usermod",
            "snowsql",
            "ncftpput",
            "ncftpget",
            "crackmapexec",
            "nxc",
        ),
        (_value_of("-p"),),
    ),
    **dict.fromkeys(("redis-cli", "valkey-cli", "keydb-cli", "redis-benchmark"), (_value_of("-a"), _attached_to("-a"))),
    **dict.fromkeys(("curl", "wget", "aria2c"), (_password_of_user(":", "-u", "--user", "-U", "--proxy-user"),)),
    **dict.fromkeys(("http", "https", "xh", "httpie"), (_password_of_user(":", "-a", "--auth"),)),
    **dict.fromkeys(
        ("ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldappasswd", "ldapwhoami", "ldapcompare"), _LDAP
    ),
    **dict.fromkeys(
        ("sqlcmd", "bcp", "isql", "osql", "tsql", "ipmitool", "bteq"), (_value_of("-P"), _attached_to("-P"))
    ),
    **dict.fromkeys(("zip", "unzip", "zipcloak"), _ZIP),
    **dict.fromkeys(("mosquitto_pub", "mosquitto_sub"), _MOSQUITTO),
    **dict.fromkeys(("snmpwalk", "snmpget", "snmpset", "snmpbulkwalk", "snmptrap"), _SNMP),
    **dict.fromkeys(("plink", "pscp", "psftp"), (_value_of("-pw"),)),
    **dict.fromkeys(
        ("smbclient", "rpcclient", "net", "winexe"),
        (_password_of_user("%", "-U", "--user"), _argument(2, after="/user"), _argument(2, after="password")),
    ),
    # macOS and Windows.
    "security": (
        _secret_option_of(
            {
                **dict.fromkeys(("add-generic-password", "add-internet-password"), "-w"),
                **dict.fromkeys(("unlock-keychain", "create-keychain"), "-p"),
                "import": "-P",
                "set-key-partition-list": "-k",
            }
        ),
    ),
    "signtool": (_secret_option_of({"sign": "/p"}),),
    **dict.fromkeys(("certutil", "altool"), (_value_of("-p"),)),
    **dict.fromkeys(("xfreerdp", "wfreerdp", "mstsc"), (_attached_to("/p:"),)),
    **dict.fromkeys(("psexec", "wmic", "schtasks"), (_value_of("-p", "/p", "/rp"),)),
    "lftp": (_password_of_user(",", "-u"), _password_of_user(":", "-u")),
    "openssl": (_value_of("-k", "-K"), _attached_to("pass:"), _last_after("passwd")),
    "htpasswd": (_last_with_mode("b"),),
    "kubectl": (_from_literal,),
    "rabbitmqctl": (
        _argument(2, after="add_user"),
        _argument(2, after="change_password"),
        _argument(2, after="authenticate_user"),
    ),
    "wpa_passphrase": (_argument(2),),
    "vault": (_argument(1, after="login"),),
    "aws": (_argument(2, after="set"),),
    "nmcli": (_argument(1, after="password"),),
    **dict.fromkeys(("sqlplus", "sqlldr", "expdp", "impdp", "rman"), _ORACLE),
}
_STARTS = tuple(
    sorted({name[:4] if name.startswith(("mysq", "mari", "mong", "ldap", "snmp")) else name for name in _TOOLS})
)
# The starts that contain no other start: "unzip" contains "zip". A text without these contains none of all starts.
_PARTS = tuple(start for start in _STARTS if not any(other in start for other in _STARTS if other != start))
_OPTION_SIGNS = (" -", "'-", '"-', "\t-", " /u", " /p", "'/p")
# Programs that take a secret without an option.
_WITHOUT_OPTIONS = ("rabbitmqctl", "wpa_passphrase", "vault login", "aws configure", "nmcli", "vault', 'login")
_TOOL = compile_pattern(r"(?<![\w.-])(?:[\w./-]{0,200}/)?([\w-]{2,14})(?:\.exe)?\\{0,8}[\"']?(?=,?\s)", re.ASCII)
_NAME_AROUND = compile_pattern(r"[\w-]*", re.ASCII)
_ARGUMENT = compile_pattern(
    r"\\{1,8}'(?:[^'\n\\])*+\\{1,8}'"
    r"|[^\s\"',\[\]()|;&<>\\]*'[^'\n]*+'|[^\s\"',\[\]()|;&<>\\]*\"[^\"\n]*+\"|(?:[^\s\"',\[\]()|;&<>\\]|(?<=\w),(?=\w))++"
)
_COMMAND_END = compile_pattern(r"\n|[|;&](?![^'\"\n]{0,40}['\"])|\]|\) (?:died|returned|timed)| returned non-zero")
_COMMAND_MAX_CHARS = 2_000
_ARGUMENTS_MAX = 200
_AUTH_LENGTHS = (2, 3)


def may_hold_command(text: str) -> bool:
    """Return whether text may contain a command whose secret has no sensitive name."""
    for sign in _OPTION_SIGNS:
        if sign in text:
            for part in _PARTS:
                if part in text:
                    return True
            break
    for start in _WITHOUT_OPTIONS:  # noqa: SIM110 - any() takes three times as long
        if start in text:
            return True
    return False


def filter_commands(text: str) -> str:
    """Return the text with the secrets of command lines replaced."""
    if not may_hold_command(text):
        return text
    pieces: list[str] = []
    done = 0
    for start, end, tool in list(_commands(text)):
        spans = [found.span() for found in _ARGUMENT.finditer(text, start, end)]
        arguments = [_unquoted(text[a:b]) for a, b in spans]
        for place, offset in sorted(set(argument_secrets(tool, arguments))):
            begin, stop = spans[place]
            quotes = _quotes(text[begin:stop])
            begin, stop = begin + quotes[0] + offset, stop - quotes[1]
            if begin < done or begin >= stop or text.startswith(FILTERED, begin) or text.startswith("[", begin):
                continue
            pieces += (text[done:begin], FILTERED)
            done = stop
    return "".join((*pieces, text[done:])) if pieces else text


def argument_secrets(tool: str, arguments: Sequence[str]) -> Found:
    """Yield the index of each argument that contains a secret, and the offset where the secret begins in it."""
    for find in _TOOLS.get(tool, ()):
        yield from find(arguments)


def filter_arguments(items: Sequence[object], copy: list[Any]) -> None:
    """Replace in ``copy`` the secrets of the command that the list ``items`` contains."""
    if not items or type(items[0]) is not str or len(items) > _ARGUMENTS_MAX:
        return
    if items[0].upper() == "AUTH" and len(items) in _AUTH_LENGTHS:
        # Redis: a password, or a user name and a password.
        copy[-1] = FILTERED
        return
    for start, item in enumerate(items):
        if type(item) is not str:
            continue
        tool = item.rpartition("/")[2].removesuffix(".exe")
        if tool in _TOOLS:
            arguments = [item if type(item) is str else "" for item in items[start + 1 :]]
            for place, offset in argument_secrets(tool, arguments):
                shown = copy[start + 1 + place]
                if isinstance(shown, str) and shown != FILTERED:
                    copy[start + 1 + place] = arguments[place][:offset] + FILTERED


def _commands(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start and end of each command's arguments, up to the next program or the end of the line; and its name."""
    found = [(match.end(), match[1]) for match in _tools(text)]
    for number, (start, tool) in enumerate(found):
        limit = min(len(text), start + _COMMAND_MAX_CHARS)
        if number + 1 < len(found):
            limit = min(limit, found[number + 1][0])
        stop = _COMMAND_END.search(text, start, limit)
        yield start, stop.start() if stop else limit, tool


def _tools(text: str) -> list[re.Match[str]]:
    places: set[int] = set()
    for name in _STARTS:
        at = text.find(name)
        while at >= 0:
            places.add(at)
            at = text.find(name, at + len(name))
    found = [match for at in sorted(places) if (match := _TOOL.match(text, at)) and match[1] in _TOOLS]
    return [match for match in found if _begins_word(text, match.start())]


def _begins_word(text: str, at: int) -> bool:
    return at == 0 or not (text[at - 1].isalnum() or text[at - 1] in "_.-")


def _quotes(argument: str) -> tuple[int, int]:
    """Return the number of quote characters before and after an argument."""
    before = len(argument) - len(argument.lstrip("\\\"'"))
    if not before and argument[-1:] in ("'", '"'):
        # Attached to an option: -p'S'. The quotes are replaced with the secret.
        return 0, 0
    return before, len(argument) - len(argument.rstrip("\\\"'"))


def _unquoted(argument: str) -> str:
    before, after = _quotes(argument)
    return argument[before : len(argument) - after]
