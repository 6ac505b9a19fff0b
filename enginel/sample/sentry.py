"""What Sentry made of the sample run: an issue for each of our groups, and in the end every occurrence told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings

from designs.monitoring import ErrorTracker
from enginel.local.bugsink import Bugsink

__all__ = ["compare_with_sentry"]

# Beyond the window: beat's turn, the way there, and a machine with other work.
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 1.0

Say = Callable[[str], None]


def compare_with_sentry(sentry: Bugsink, *, say: Say = print) -> bool:
    """Wait until all windows are over, compare, print the result; return whether nothing differs."""
    deadline = time.monotonic() + settings.ENGINEL_WINDOW_SECONDS + _PATIENCE_SECONDS
    while True:
        told, wrong = _told(sentry)
        groups = {group["fingerprint"]: int(group["total"]) for group in ErrorTracker.get_groups()}
        if (not wrong and told == groups) or time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    wrong += [
        f"group {key}: {groups.get(key, 'none')} occurrences here, {told.get(key, 'none')} in Sentry"
        for key in sorted(told.keys() | groups.keys())
        if told.get(key) != groups.get(key)
    ]
    for line in wrong:
        say(f"  WRONG  {line}")
    say(
        f"  Sentry: {len(told)} issues for {len(groups)} groups, {sum(told.values())} of {sum(groups.values())} "
        f"occurrences told, {len(wrong)} deviations"
    )
    return not wrong


def _told(sentry: Bugsink) -> tuple[dict[str, int], list[str]]:
    """Return the occurrences told of each group, and what is wrong with the issues."""
    told: dict[str, int] = {}
    wrong: list[str] = []
    for issue in sentry.issues(sentry.project):
        events = [event["data"] for event in sentry.events(issue)]
        keys = {event["tags"]["fingerprint"] for event in events}
        if len(keys) != 1 or keys & told.keys():
            wrong.append(f"issue {issue['friendly_id']} holds the groups {sorted(keys)}")
        occurrences = sum(_represented(event) for event in events)
        latest = max(int(event["contexts"]["enginel"]["occurrences"]) for event in events)
        if latest != occurrences:
            wrong.append(f"issue {issue['friendly_id']} says {latest} occurrences, its events add up to {occurrences}")
        told.update(dict.fromkeys(keys, occurrences))
    return told, wrong


def _represented(event: dict[str, Any]) -> int:
    return round(1 / float(event["contexts"]["error_sampling"]["client_sample_rate"]))
