"""One Chromium a file of tests, and one person's browser in it. Nothing about what stands on the pages belongs here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tools import shots


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with shots.browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def person(chromium: Any) -> Iterator[Any]:
    """What a person's browser loads once, it keeps: the app's own scripts are most of a page's first cost. Without the page's
    policy, which forbids what Playwright waits with; test_login.py looks at the policy."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, timezone_id="UTC", bypass_csp=True)
    context.set_default_timeout(shots.PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def tab(person: Any) -> Iterator[Any]:
    person.clear_cookies()
    opened = person.new_page()
    yield opened
    opened.close()
