"""The failed item of a larger statement: an entry of a table or an argument of a call, with a lambda or generator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from designs.monitoring.fingerprint.source_tokens import Token, partners

__all__ = ["item_around"]

_ENDS = frozenset({")", "]", "}", ":", ";"})


def item_around(tokens: Sequence[Token], scope: str, line: int) -> Sequence[Token]:
    """Return the statement with only the items that contain the lambdas, or the generators, on a line.

    Args:
        tokens: The statement.
        scope: ``<lambda>`` or ``<genexpr>``.
        line: The failing line.
    """
    pairs = partners(tokens)
    lambdas = {at: _lambda(tokens, pairs, at) for at, token in enumerate(tokens) if token.text == "lambda"}
    found = lambdas.values() if scope == "<lambda>" else _generators(tokens, pairs)
    on_line = [one for one in found if tokens[one.start].lines.first <= line <= tokens[one.stop - 1].lines.last]
    chosen = [one.start for one in on_line if not any(inner.start in one and inner != one for inner in on_line)]
    if not chosen:
        return tokens
    # Commas between a lambda's parameters do not end an item.
    skipped = {**pairs, **{at: _colon(tokens, pairs, one) for at, one in lambdas.items()}}
    return [tokens[at] for at in _kept(tokens, pairs, skipped, [range(len(tokens))], chosen)]


def _lambda(tokens: Sequence[Token], pairs: Mapping[int, int], begin: int) -> range:
    parameters, at = 1, begin + 1
    while at < len(tokens):
        text = tokens[at].text
        if text == "lambda":
            parameters += 1
        elif text == ":" and parameters:
            parameters -= 1
        elif text in _ENDS or (text in {",", "for", "async"} and not parameters):
            break
        at = pairs.get(at, at) + 1
    return range(begin, at)


def _colon(tokens: Sequence[Token], pairs: Mapping[int, int], within: range) -> int:
    at = within.start
    while at < within.stop and tokens[at].text != ":":
        at = pairs.get(at, at) + 1
    return min(at, within.stop - 1)


def _generators(tokens: Sequence[Token], pairs: Mapping[int, int]) -> Iterator[range]:
    for begin, end in pairs.items():
        at = begin + 1
        while tokens[begin].text == "(" and at < end and tokens[at].text != "for":
            at = pairs.get(at, at) + 1
        if tokens[begin].text == "(" and at < end:
            yield range(begin + 1, end)


def _kept(
    tokens: Sequence[Token],
    pairs: Mapping[int, int],
    skipped: Mapping[int, int],
    items: Sequence[range],
    chosen: Sequence[int],
) -> Iterator[int]:
    """Yield the places of the tokens that stay, among those between two brackets."""
    for number, item in enumerate([item for item in items if any(at in item for at in chosen)]):
        if number:
            yield item.start - 1
        at = item.start
        while at < item.stop:
            yield at
            partner = pairs.get(at, at)
            if any(at < one < partner for one in chosen):
                within = _items(tokens, skipped, range(at + 1, partner))
                yield from _kept(tokens, pairs, skipped, within, chosen)
                yield partner
                at = partner
            at += 1


def _items(tokens: Sequence[Token], skipped: Mapping[int, int], within: range) -> list[range]:
    found, begin, at = [], within.start, within.start
    while at < within.stop:
        if tokens[at].text == "for":
            # A comprehension or generator is one item: its commas separate variables.
            return [within]
        if tokens[at].text == ",":
            found.append(range(begin, at))
            begin = at + 1
        at = skipped.get(at, at) + 1
    return [*found, range(begin, within.stop)]
