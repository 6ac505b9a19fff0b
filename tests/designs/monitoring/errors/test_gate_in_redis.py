"""The scripts decide by the rules of `errors.gate`: both run on random histories, and every answer is compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.conf import settings
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from designs.context import RunContext
from designs.monitoring.errors.backlog import Pending
from designs.monitoring.errors.delivery_counts import account_of
from designs.monitoring.errors.event import build_event
from designs.monitoring.errors.gate import Group, count_occurrences, resolve
from designs.monitoring.errors.groups import resolve as resolve_in_redis
from designs.monitoring.errors.keys import GROUP_PREFIX
from designs.monitoring.errors.record_command import command_of, result_of
from designs.monitoring.errors.store import ErrorStore
from designs.monitoring.fingerprint import Fingerprint
from designs.monitoring.timestamps import iso_utc
from integrations.redis import redis_for
from tests.support.error_stores import raw

KEY = "1:" + "c" * 32
FINGERPRINT = Fingerprint(KEY, "1", ("ValueError",), (), "shop.pay")
START_MS = 1_800_000_000_000
WINDOW_MS = 300_000


@dataclass(frozen=True)
class Step:
    """One step: an occurrence, a late batch (``late``: forwarded already), or a resolution; ``repeats`` times more."""

    elapsed_ms: int
    kind: str = "live"
    number: int = 1
    late: int = 0
    repeats: int = 0


# Back, too: clocks are set, and hosts disagree.
ELAPSED = st.one_of(
    st.integers(-2 * WINDOW_MS, 2 * WINDOW_MS), st.sampled_from([0, 0, 0, 1, WINDOW_MS, -WINDOW_MS, WINDOW_MS - 1])
)
REPEATS = st.sampled_from([0, 0, 1, 2])
STEPS = st.one_of(
    st.builds(Step, ELAPSED, st.just("live"), repeats=REPEATS),
    st.integers(1, 120).flatmap(
        lambda number: st.builds(
            Step,
            ELAPSED,
            st.just("late"),
            st.just(number),
            st.integers(0, number),
            repeats=REPEATS,
        )
    ),
    st.builds(Step, ELAPSED, st.just("resolve")),
)


def stored() -> Group:
    names = ("total", "forwarded_total", "window_ms", "window_n", "state", "resolved_ms")
    values = raw("HMGET", GROUP_PREFIX + KEY, *names)
    fields = {name: value.decode() for name, value in zip(names, values, strict=True) if value is not None}
    began = fields.get("window_ms")
    return Group(
        int(fields["total"]),
        int(fields.get("forwarded_total", 0)),
        None if began is None else int(began),
        int(fields.get("window_n", 0)),
        fields["state"],
        int(fields.get("resolved_ms", 0)),
    )


@hypothesis_settings(max_examples=150)
@given(steps=st.lists(STEPS, min_size=1, max_size=25))
@example(steps=[Step(0, "late", 5, 1, repeats=1)])
def test_redis_decides_by_the_rules(steps: list[Step]) -> None:
    store, gateway = ErrorStore(), redis_for(settings.REDIS_URL)
    raw("FLUSHDB")
    group: Group | None = None
    now_ms = START_MS
    for step in steps:
        now_ms += step.elapsed_ms
        if step.kind == "resolve":
            assert resolve_in_redis(gateway, KEY, now_ms) is (group is not None)
            group = None if group is None else resolve(group, now_ms)
            continue
        is_live = step.kind == "live"
        moment = iso_utc(datetime.fromtimestamp(now_ms / 1000, UTC))
        event = replace(build_event("x", RunContext()), timestamp=moment)
        pending = Pending(event, FINGERPRINT, "", occurrences=step.number, represented=step.late)
        slot = store.slots.acquire()
        assert slot is not None
        command = command_of(pending, slot, live=is_live, describe=True)
        result = result_of(gateway.script(*command), event.event_id)
        group, decision = count_occurrences(
            group, now_ms, window_ms=WINDOW_MS, number=step.number, forwarded_late=None if is_live else step.late
        )
        assert (result.is_new, result.is_regressed, result.forward) == decision[:3]
        assert not decision.forward or result.represents == decision.represents
        assert result.occurrences == group.total
        assert not is_live or result.in_window == group.window_count
        for _ in range(step.repeats):
            # No answer came, so the process sends the command again.
            again = result_of(gateway.script(*command), event.event_id)
            assert (again.is_new, again.is_regressed, again.forward, again.occurrences) == (
                False,
                False,
                False,
                group.total,
            )
        store.slots.release(slot)
        assert stored() == group
    account = account_of(store.totals())
    if group is not None:
        assert (account.recorded, account.pending) == (group.total, group.total - group.forwarded)
        # Without Sentry, forwarded occurrences are counted under "sentry_off".
        assert account.told + sum(account.untold.values()) == group.forwarded
