"""When it is proven that an order was never placed, and how often one asks until then. Pure: times and counts in.

A network error is never evidence. The venue has to answer "not found" twice, once after the request itself could no longer be
taken, and its lists must not have it; where requests have no expiry nothing is ever proven, and a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MARGIN_MS = 3_000
LEASE_MS = 3_000
"""How long after its commit an intent may be sent: the worst case of its send time that the proof reckons with."""
GIVE_UP_MS = 15 * 60_000
MOST_LOOK_UPS = 30
NOWHERE_MS = 10_000
LEAST_NOT_FOUND = 2
SOON = (1_000, 1_000, 2_000, 3_000, 5_000, 8_000, 15_000, 25_000)
LATER_MS = 45_000


@dataclass(frozen=True)
class Evidence:
    """What has been asked of an unresolved intent. Times are the venue's, ms; `expires_ts` 0: requests have no expiry.
    `late_not_found` and `late_lists` are answers that came once the request had expired for good."""

    sent_ts: int
    expires_ts: int
    not_found: int = 0
    late_not_found: int = 0
    late_lists: int = 0
    look_ups: int = 0


def expires(sent_ts: int, expiry_ms: int) -> int:
    """From when on no request for an intent that was committed at `sent_ts` can be taken; 0 for never."""
    return sent_ts + LEASE_MS + expiry_ms if expiry_ms else 0


def expired_for_good(found: Evidence, now: int, clock_error_ms: int) -> bool:
    """Whether the venue, by its own clock, must refuse the request from here on, whatever our clock's error."""
    return found.expires_ts > 0 and now > found.expires_ts + abs(clock_error_ms) + MARGIN_MS


def not_placed(found: Evidence, now: int, clock_error_ms: int) -> bool:
    """Proven: the order is not there and cannot come any more."""
    return (
        expired_for_good(found, now, clock_error_ms)
        and found.not_found >= LEAST_NOT_FOUND
        and found.late_not_found >= 1
        and found.late_lists >= 1
    )


def nowhere(stop: Any, now: int) -> bool:
    """Of a stop that nobody can tell about (an Open): unproven, but twice not found, and long ago enough that the exit of its
    position goes. If it is there after all, the exchange refuses the exit for the coins that the stop holds; only where the
    account has more of that coin could both sell, and the stop is looked for and cancelled as long as it is open here."""
    unsure = stop.state in ("unknown", "quarantined")
    return unsure and stop.not_found >= LEAST_NOT_FOUND and now >= stop.sent_ts + LEASE_MS + NOWHERE_MS


def give_up(found: Evidence, now: int) -> bool:
    """Time to set it aside for a person: nothing was proven in a quarter of an hour, or it has been asked often enough."""
    since = found.expires_ts or found.sent_ts
    return now >= since + GIVE_UP_MS or found.look_ups >= MOST_LOOK_UPS


def next_look(found: Evidence, last_ts: int) -> int:
    """When to ask for it again, having asked at `last_ts`: soon at first, then seldom; at most 30 times until `give_up`."""
    wait = SOON[found.look_ups] if found.look_ups < len(SOON) else LATER_MS
    return last_ts + wait
