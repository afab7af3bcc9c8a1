"""Which numbers of a stream are lost, and which have only come late."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from engine.market.events import Sequence, SequenceGap
from engine.market.feeds._socket import REORDER_MOST, Continuity

T = 1_767_225_600_000


def heard(*messages: tuple[int, int]) -> tuple[list[SequenceGap], Continuity]:
    """(number, ms) in order of arrival."""
    continuity = Continuity(10_000)
    found = [continuity.check(Sequence(number, T + ms)) for number, ms in messages]
    return [gap for gap in found if gap is not None], continuity


def test_two_that_changed_places_are_no_loss() -> None:
    gaps, continuity = heard((0, 0), (2, 250), (1, 250), (3, 500), (4, 5000))
    assert gaps == []
    assert continuity.disorder == 1


def test_one_that_never_comes_is_lost_once_it_could_not_count_any_more() -> None:
    """Its prints may be of the second before the message before it, which closes one second after its end."""
    gaps, _ = heard((0, 300), (2, 600), (3, 1999), (4, 2000), (5, 4000))
    assert gaps == [SequenceGap(T + 2000, "1 messages lost")]
    gaps, _ = heard((0, 200), (2, 600), (3, 999), (4, 1000), (5, 4000))
    assert gaps == [SequenceGap(T + 1000, "1 messages lost")]


def test_one_that_comes_too_late_is_lost_first() -> None:
    gaps, _ = heard((0, 400), (2, 650), (3, 2000), (1, 2001), (4, 2500))
    assert gaps == [SequenceGap(T + 2000, "1 messages lost")]


def test_after_a_quiet_time_nothing_is_waited_for() -> None:
    """The lost one may be as old as the message before it."""
    assert len(heard((0, 400), (2, 2000))[0]) == 1


def test_many_at_once_are_lost_at_once() -> None:
    assert heard((0, 0), (REORDER_MOST + 2, 1))[0] == [SequenceGap(T + 1, f"{REORDER_MOST + 1} messages lost")]


def test_the_first_number_may_be_any() -> None:
    assert heard((17, 0), (18, 250))[0] == []


@given(st.lists(st.integers(0, 3), min_size=2, max_size=60), st.sets(st.integers(1, 58), max_size=4))
@example([3, 0, 0], {1})
def test_only_what_never_came_is_lost(late: list[int], dropped: set[int]) -> None:
    """Messages 50 ms apart, each late by up to three places; some never come. Later ones of the stream show every loss."""
    sent = [(n, n * 50) for n in range(len(late)) if n not in dropped]
    sent = [message for _, message in sorted(((n + late[n], n), (n, ms)) for n, ms in sent)]
    end = len(late)
    after = [(end + i, (end + i) * 50) for i in range(60)]
    gaps, _ = heard((0, -50), *((n + 1, ms) for n, ms in (*sent, *after)))  # 0: what the others are told from
    lost = {n for n in dropped if n < len(late)}
    assert bool(gaps) == bool(lost)
