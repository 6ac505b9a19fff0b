"""Plausibility of a decoded text, by the frequency of its characters and their neighbours."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import Final

__all__ = ["chinese", "cyrillic", "greek", "japanese", "korean", "latin", "taiwanese"]

Weigher = Callable[[str], float]

_NO_CHARACTER: Final = "\ufffd"
_NO_CHARACTER_WEIGHT: Final = -3.0
_COMMON: Final = 1.3
_LONGEST_WORD: Final = 40
_KNOWN: Final = 0.8
_RARE: Final = -0.3

# Characters common in part names, beside the most frequent ones of each script.
_HANZI: Final = frozenset(
    "的一不人有中大上下左右前后内外高低长短小零件装配体组合总成板座轴孔螺栓母钉丝杆支架盖壳底面头尾端弹簧垫圈片块条管接连固定销键轮齿皮带链电机箱柜门框梁柱臂手柄把滑"
    "导轨承套筒缸活塞阀泵油气水缝焊加工器设备模具图号新建标准角度形状型第主副安调节平衡测试开关灯线路控制输送料钢铁铝铜塑胶橡木压力防护罩网格栅直径圆方孔位名称材质Φφ"
)
_HANZI_OF_TAIWAN: Final = frozenset(
    "的一不人有中大上下左右前後內外高低長短小零件裝配體組合總成板座軸孔螺栓母釘絲桿支架蓋殼底面頭尾端彈簧墊圈片塊條管接連固定銷鍵輪齒皮帶鏈電機箱櫃門框梁柱臂手柄滑"
    "導軌承套筒缸活塞閥泵油氣水焊加工器設備模具圖號新標準角度形狀型第主副安測試開關燈線路控制輸送料鋼鐵鋁銅塑膠橡木壓力防護罩網格直徑圓方位名稱材質"
)
_KANJI: Final = frozenset(
    "部品組立図板軸穴取付台座上下左右前後内外大小中蓋箱本体固定支持金具用材鉄鋼管棒歯車油圧空気電源機械装置設計面形状側端先受押止回転駆動番号第新規標準日本人年"
)
_HANGUL: Final = frozenset(
    "이다는에가의을로하고지은도를한서기리사인자어시아나전제부해스정일수그대상보장주라비조원구공소동오면과년미성여거화안모트마유국경만교들내품볼너플레드링브켓우징축판커버샤"
    "프베핀체결립좌후외"
)
_KANA: Final = (range(0x3041, 0x3097), range(0x30A1, 0x30FD))
_HALF_WIDTH_KANA: Final = range(0xFF61, 0xFFA0)
_FULL_WIDTH: Final = (range(0x3000, 0x3020), range(0xFF01, 0xFF5F))

_LATIN: Final = frozenset("äöüßÄÖÜéèêëàâçîïôûùñóíáúåøæØÅÆÉÈÀÇ")
_LATIN_OF_THE_EAST: Final = frozenset("ąćęłńśźżĄĆĘŁŃŚŹŻčďěňřšťůžČĎĚŇŘŠŤŮŽőűŐŰășțşğıİŞĞ")
_CYRILLIC: Final = frozenset("оеаинтсрвлкмдпуОЕАИНТСРВЛКМДПУ")
_MORE_CYRILLIC: Final = frozenset("ёЁіІїЇєЄґҐўЎ")
_GREEK: Final = frozenset("αοιετνσηρπκυμλςΑΟΙΕΤΝΣΗΡΠΚΥΜΛάέήίόύώ")
_SIGNS: Final = frozenset("°±²³µ×·§«»€№–—“”„‘’®™©½¼¾•…")  # noqa: RUF001


def chinese(text: str) -> float:
    return _mean(text, lambda c: _of_east_asia(c, _HANZI, _level("gb2312", 0xB0, 0xD7), kana=0.0))


def taiwanese(text: str) -> float:
    return _mean(text, lambda c: _of_east_asia(c, _HANZI_OF_TAIWAN, _level("big5", 0xA4, 0xC6), kana=0.0))


def japanese(text: str) -> float:
    return _mean(text, lambda c: _of_east_asia(c, _KANJI, _level("euc_jp", 0xB0, 0xCF), kana=_COMMON))


def korean(text: str) -> float:
    return _mean(text, lambda c: _of_east_asia(c, _HANGUL, _level("euc_kr", 0xB0, 0xC8), kana=_RARE))


def latin(text: str) -> float:
    return _by_words(text, _latin_weight)


def cyrillic(text: str) -> float:
    return _by_words(text, lambda word, at: _script_weight(word, at, _CYRILLIC, _MORE_CYRILLIC, range(0x410, 0x450)))


def greek(text: str) -> float:
    return _by_words(text, lambda word, at: _script_weight(word, at, _GREEK, frozenset("Ά"), range(0x386, 0x3CF)))


def _mean(text: str, weigh: Weigher) -> float:
    foreign = [character for character in text if not character.isascii()]
    return sum(map(weigh, foreign)) / len(foreign) if foreign else 0.0


@lru_cache(maxsize=8)
def _level(codec: str, first: int, last: int) -> frozenset[str]:
    """Return the characters of the rows of a character set that hold its frequent ones."""
    trails = [*range(0x40, 0x7F), *range(0xA1, 0xFF)] if codec == "big5" else range(0xA1, 0xFF)
    pairs = product(range(first, last + 1), trails)
    return frozenset(b"".join(bytes(pair) for pair in pairs).decode(codec, "ignore"))


def _of_east_asia(character: str, common: frozenset[str], known: frozenset[str], *, kana: float) -> float:
    code = ord(character)
    if character == _NO_CHARACTER:
        return _NO_CHARACTER_WEIGHT
    if character in common:
        return _COMMON
    if character in known:
        return _KNOWN
    if any(code in block for block in _KANA):
        return kana
    if code in _HALF_WIDTH_KANA or character in _SIGNS or any(code in block for block in _FULL_WIDTH):
        return 0.5
    return _RARE


def _by_words(text: str, weigh: Callable[[str, int], float]) -> float:
    """Return the mean weight of the non-ASCII characters, each weighed within its word."""
    weights: list[float] = []
    for word in _words(text):
        if not word.isascii():
            foreign = ((at, character) for at, character in enumerate(word) if not character.isascii())
            weights += [weigh(word, at) if c.isalpha() else _sign_weight(c) for at, c in foreign]
    return sum(weights) / len(weights) if weights else 0.0


def _words(text: str) -> list[str]:
    """Split at ASCII characters that are no letters; other signs stay within their word."""
    words = "".join(c if c.isalpha() or ord(c) > 127 else " " for c in text).split()
    return [word[at : at + _LONGEST_WORD] for word in words for at in range(0, len(word), _LONGEST_WORD)]


def _sign_weight(character: str) -> float:
    if character == _NO_CHARACTER:
        return _NO_CHARACTER_WEIGHT
    return 0.5 if character in _SIGNS else -0.5


def _latin_weight(word: str, at: int) -> float:
    character = word[at]
    if not _is_latin(character):
        return -0.5
    run = _run_length(word, at)
    if run > 2:
        return -0.5
    known = 1.1 if character in _LATIN_OF_THE_EAST else 1.0 if character in _LATIN else 0.2
    return known if run == 1 else known - 0.3


def _is_latin(character: str) -> bool:
    return ord(character) < 0x250


def _run_length(word: str, at: int) -> int:
    """Return the length of the run of non-ASCII characters."""
    first, last = at, at
    while first > 0 and ord(word[first - 1]) > 127:
        first -= 1
    while last + 1 < len(word) and ord(word[last + 1]) > 127:
        last += 1
    return last - first + 1


def _script_weight(word: str, at: int, common: frozenset[str], more: frozenset[str], block: range) -> float:
    character = word[at]
    if ord(character) not in block and character not in more:
        return -0.5
    # A real word has one script, and no capital letter behind a small one.
    if any(c.isascii() and c.isalpha() for c in word):
        return -0.6
    if at and character.isupper() and word[at - 1].islower():
        return -0.5
    if len(word) == 1:
        return 0.3
    return 1.2 if character in common else 0.7
