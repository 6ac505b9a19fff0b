"""Normalization of names with digits: the words of a name stay, numbers and random parts are replaced. Pure.

``worker-12`` and ``an142`` are machines of a kind and keep the kind; ``sha256`` and ``utf-8`` are whole words.
"""

from __future__ import annotations

import re

__all__ = ["clean_name", "word_set"]


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


_MIN_OPAQUE, _MIN_HEX, _MIN_LONG, _MIN_RANDOM = 5, 6, 6, 8
# Words that include a following number: encodings, algorithms, architectures, protocols and file formats.
_TECHNICAL = word_set(
    "a adler aes amd ansi ap arm armv avx base blake blowfish bz c camellia cast chacha cp cpp crc csharp css "
    "curve cve dash dct des div dsa dtls dvb ec ecdsa ecma ed el es euc ext f fat ffc ffdhe float fp gb gcc gpt gzip "
    "h hash hl hs html http https i ia ibm ieee iges int ipv iso java jdk jis jp jpeg js k kem koi kt latin lib log "
    "lz lzma m mac md mip mips mp mpeg mpv ms murmur net ntlm oauth openssl opus p page pbkdf pc pcm pdf perl pg "
    "php pi pkcs poly ppc ps psycopg py pypy python q qt r rc rfc ripemd risc riscv rs rsa ruby s salsa scrypt "
    "secp sha sip sm smb sql ss ssh ssl sse std t tls tlsv tcp triple twofish u ubuntu ucs udp uint urllib usb "
    "utf uu uuid v ver version vp vt wav webp win windows wpa x xxh yaml z zstd iec din rev fips nist kb"
)
# Machines and program parts that exist in large numbers: even a single digit after these is a variable number.
_COUNTED = word_set(
    "agent assembly attempt batch body box broker cam camera channel chunk client column consumer core cpu curve "
    "edge entity face device disk executor gpu group host image img instance item job layer lb machine master "
    "member node part partition peer pod pool primary proc process proxy queue rack rank replica request robot "
    "row runner secondary sensor server session shard slave slot srv stage step surface task thread tile user "
    "vertex vm volume web worker zone"
)
# Words that precede the name of a machine.
_MACHINES = word_set(
    "box broker from host hostname instance machine member node on peer pod replica server shard vm worker workstation"
)
# Prefixes of error codes, standards and advisories: the number after the dash is part of the name.
_CODED = word_set(
    "ORA PLS TNS DPI DPY RMAN LRM SQL SP2 OCI CRS JBO PGRST MY ERR ERROR ERRNO E EC ERC MSG DB2 CVE CWE RFC ISO "
    "IEC IEEE EN DIN HTTP HTTPS TLS SSL UTF UCS SHA MD AES RSA AP SQLSTATE WSA HRESULT EXIT RC SIG STATUS CODE "
    "FIPS NIST KOI8 CP WIN WINDOWS ARINC MIL SMTP FTP"
)
_WHOLE_WORDS = word_set(
    "lib2to3 utf8mb3 utf8mb4 x509v3 secp256k1 secp256r1 secp384r1 secp521r1 ed25519 x25519 curve25519 curve-25519 "
    "curve_25519 x86 i18n l10n k8s a11y gb18030 gb2312 s390x mp4v2 av1 h2c 2to3 aes128gcm aes256gcm pbkdf2 "
    "argon2id int8 iso8859 ap203 ap214 ap242"
)
_UNITS = word_set(
    "st nd rd th mm cm dm m km um nm in ft px pt em dpi ppi deg rad kg g mg lb hz khz mhz ghz rpm v mv kv w kw mw "
    "a ma k fps x kbps mbps gbps kb mb gb tb kib mib gib"
)
# Names of standards consist of numbers and other standards (EN-ISO-10204), not of words: EN-DESIGN-0123 is an id.
_STANDARDS = word_set("CVE CWE RFC ISO IEC IEEE EN DIN FIPS NIST UTF UCS KOI8 CP WIN WINDOWS AP MD")
# Technical words that also name numbered things: the number of page-3 is variable, those of page3 and utf-8 are not.
_NUMBERED = word_set("curve div hash lib log page")
_NUMBERS_OF_CODE = re.compile(r"(?:[_-]{1,2}\d{1,7})+")
_PARTS_OF_CODE = re.compile(r"(?:[_-]{1,2}(?:[A-Z]{1,16}|\d{1,5}[A-Z]?|\d\d[A-Z]\d\d))+")
_LETTERED = re.compile(r"\d{1,4}[a-z]")
_SIMPLE = re.compile(r"([A-Za-z]+)([_-]{1,2})\d+")
_PIECES = re.compile(r"[A-Za-z]+|\d+")
_SEGMENTS = re.compile(r"[A-Za-z0-9]+|[_-]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}[-_](?:[0-9a-fA-F]{4}[-_]){3}[0-9a-fA-F]{12}(?![0-9A-Za-z])")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5,10}")
# Thunderbird_A8, node-D4
_PLACE = re.compile(r"[A-Z]\d{1,3}")
_FAILURES = word_set("class code err errno error exception fault kind status type")
_CASES = re.compile(r"[a-z][A-Z]|[A-Z][a-z]")
_NUMBER, _ID = "<number>", "<id>"


def clean_name(name: str, before: str = "") -> str:
    """Return a name that contains digits, with its numbers and random parts replaced; its words stay.

    Args:
        name: The name.
        before: The preceding text, which may show that the name is a machine's.
    """
    if name.isalnum():
        cleaned = _clean_segment(name)
        return _clean_numbered(name, before) if cleaned == name and before and not name[-2:].isdigit() else cleaned
    simple = _SIMPLE.fullmatch(name)
    if simple is not None:
        kind = simple[1]
        is_fixed = _is_technical(kind) or name.lower() in _WHOLE_WORDS or _is_code(kind, name)
        return name if is_fixed else f"{kind}{simple[2][0]}<number>"
    name = _UUID.sub(_ID, name) if len(name) > 36 else name
    first = name[: _first_break(name)]
    if _is_code(first, name):
        return name
    return "".join(_join(_SEGMENTS.findall(name) if "<" not in name else _around(name)))


def _clean_numbered(name: str, before: str) -> str:
    """Return the name with its single digit replaced if it is a machine's: ``host an7``, ``lost worker on gpu3``."""
    kind = name[:-1]
    if len(kind) < 2 or not kind.isalpha() or not kind.islower() or kind in _TECHNICAL or name in _WHOLE_WORDS:
        return name
    words = before.rsplit(None, 1)
    return f"{kind}{_NUMBER}" if words and words[-1].lower().strip("=:('\"") in _MACHINES else name


def _is_technical(word: str) -> bool:
    """Return whether a number after the word and a dash belongs to the word."""
    lower = word.lower()
    return (len(word) > 1 and lower in _TECHNICAL and lower not in _NUMBERED) or lower in _WHOLE_WORDS


def _is_code(first: str, name: str) -> bool:
    """Return whether the whole name is an error code, a standard or an advisory: ``CVE-2024-1234``, ``ERR-AUTH-7``.

    An id may start with the same word (``MSG-20260101-7f3a9c``), but has long numbers or random parts.
    """
    if first not in _CODED:
        return False
    rest = name[len(first) :]
    if _NUMBERS_OF_CODE.fullmatch(rest) is not None:
        return True
    if _PARTS_OF_CODE.fullmatch(rest) is None:
        return False
    return first not in _STANDARDS or all(word in _CODED for word in re.findall("[A-Z]{2,}", rest))


def _first_break(name: str) -> int:
    return next((at for at, sign in enumerate(name) if sign in "_-"), len(name))


def _around(name: str) -> list[str]:
    head, _, tail = name.partition(_ID)
    return [*_SEGMENTS.findall(head), _ID, *_SEGMENTS.findall(tail)]


def _join(segments: list[str]) -> list[str]:
    """Return the cleaned segments; merge adjacent placeholders into one."""
    made: list[str] = []
    before = ""
    keeps = False
    for segment in segments:
        if segment[0] in "_-":
            # One separator is enough: the second one of blk_-17 is the sign of the number.
            made.append(segment[:1])
            continue
        word = before.lower()
        before = segment
        # iso-8859-15: both numbers belong to the word.
        keeps = (
            segment.isdigit()
            and len(segment) < _MIN_HEX
            and (keeps or (len(made) < _MIN_OPAQUE and _is_technical(word)))
        )
        cleaned = segment if keeps else _clean_part(segment, word, made)
        if made and len(made) > 1 and cleaned[0] == "<" and made[-2].endswith(">"):
            # 0020_m_000003: one id with several variable parts.
            made.pop()
            made[-1] = made[-1] if cleaned == _NUMBER else made[-1].replace(_NUMBER, _ID)
            continue
        made.append(cleaned)
    return made


def _clean_part(segment: str, word: str, made: list[str]) -> str:
    if segment[0] == "<":
        return segment
    replaced_before = len(made) > 1 and made[-2].endswith(">")
    if segment.isdigit():
        return _NUMBER
    if segment.isalpha():
        if replaced_before and (len(segment) == 1 or _CONSONANTS.fullmatch(segment)):
            return _NUMBER if len(segment) == 1 else _ID
        return segment
    if replaced_before and segment.lower() not in _WHOLE_WORDS:
        cleaned = _clean_segment(segment)
        return cleaned if cleaned == _NUMBER else _ID
    if made and word not in _FAILURES and _PLACE.fullmatch(segment):
        return _NUMBER
    if made and word in _COUNTED and _LETTERED.fullmatch(segment):
        # sensor-07a
        return _NUMBER
    cleaned = _clean_segment(segment)
    # sess-ab12cd34 and sess-zz99yy88 are ids of one kind.
    return _ID if cleaned == _NUMBER and len(segment) >= _MIN_RANDOM else cleaned


def _clean_segment(segment: str) -> str:
    pieces = _PIECES.findall(segment)
    if len(pieces) == 1:
        return _NUMBER if segment.isdigit() else segment
    if segment.lower() in _WHOLE_WORDS:
        return segment
    if len(pieces) == 2:
        return _clean_pair(segment, *pieces)
    return _clean_mixture(segment, pieces)


def _clean_pair(segment: str, first: str, second: str) -> str:
    if second.isdigit():
        if first.lower() in _TECHNICAL and len(second) < _MIN_LONG:
            return segment
        if len(first) <= 2 and first.islower() and _is_hex(segment):
            return _NUMBER
        if len(second) >= _MIN_LONG or (first.islower() and (len(second) > 1 or first in _COUNTED)):
            return f"{first}{_NUMBER}"
        return segment
    if second.lower() in {"st", "nd", "rd", "th"}:
        return _NUMBER
    if second.lower() in _UNITS:
        return f"{_NUMBER}{second}"
    return _NUMBER if _is_hex(segment) else segment


def _clean_mixture(segment: str, pieces: list[str]) -> str:
    if _is_hex(segment):
        return _NUMBER
    if len(segment) < _MIN_OPAQUE:
        return segment
    letters = [piece for piece in pieces if not piece.isdigit()]
    count = sum(map(len, letters))
    if len(pieces) > 3 and count < 3 * len(letters):
        return _ID
    if len(pieces) > 3 and len(segment) >= 2 * _MIN_LONG and (segment.isupper() or segment.islower()):
        return _ID
    # Random letters change case often, camel case only once per word.
    if len(segment) >= 2 * _MIN_LONG and (count < 3 * len(letters) or 3 * len(_CASES.findall(segment)) >= len(segment)):
        return _ID
    if len(pieces) == 3 and pieces[0].isdigit() and pieces[2].isdigit() and len(pieces[1]) == 1:
        # 1920x1080
        return f"{_NUMBER}{pieces[1]}{_NUMBER}"
    if len(pieces) == 3 and len(pieces[1]) >= _MIN_OPAQUE:
        return _ID
    return segment


def _is_hex(segment: str) -> bool:
    return len(segment) >= _MIN_HEX and _HEX.fullmatch(segment) is not None and not segment.isalpha()
