"""Comparison of Sentry with the sample run: an issue for each group, and events for all but the pending occurrences."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from designs.monitoring import ErrorTracker
from enginel.local.bugsink import Bugsink

__all__ = ["compare_with_sentry"]

# Time for beat's next run, the delivery, and a busy machine.
_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 1.0

Say = Callable[[str], None]


def compare_with_sentry(sentry: Bugsink, *, say: Say = print) -> bool:
    """Wait until the events have arrived, compare, print the result; return whether nothing differs."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        delivered, wrong = _delivered(sentry)
        found = ErrorTracker.get_groups()
        forwarded = {group["fingerprint"]: group["forwarded"] for group in found}
        if (not wrong and delivered == forwarded) or time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    wrong += [
        f"group {key}: {forwarded.get(key, 'none')} occurrences forwarded, {delivered.get(key, 'none')} in Sentry"
        for key in sorted(delivered.keys() | forwarded.keys())
        if delivered.get(key) != forwarded.get(key)
    ]
    for line in wrong:
        say(f"  WRONG  {line}")
    say(
        f"  Sentry: {len(delivered)} issues for {len(found)} groups, {sum(delivered.values())} forwarded and "
        f"{sum(group['pending'] for group in found)} pending of {sum(int(group['total']) for group in found)}, "
        f"{len(wrong)} deviations"
    )
    return not wrong


def _delivered(sentry: Bugsink) -> tuple[dict[str, int], list[str]]:
    """Return the occurrences that Sentry has for each group, and the faults of the issues."""
    delivered: dict[str, int] = {}
    wrong: list[str] = []
    for issue in sentry.issues(sentry.project):
        events = [event["data"] for event in sentry.events(issue)]
        keys = {event["tags"]["fingerprint"] for event in events}
        if len(keys) != 1 or keys & delivered.keys():
            wrong.append(f"issue {issue['friendly_id']} holds the groups {sorted(keys)}")
        occurrences = sum(_represented(event) for event in events)
        latest = max(int(event["contexts"]["enginel"]["occurrences"]) for event in events)
        if latest != occurrences:
            wrong.append(f"issue {issue['friendly_id']} says {latest} occurrences, its events add up to {occurrences}")
        delivered.update(dict.fromkeys(keys, occurrences))
    return delivered, wrong


def _represented(event: dict[str, Any]) -> int:
    return round(1 / float(event["contexts"]["error_sampling"]["client_sample_rate"]))
