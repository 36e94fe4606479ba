"""A brake for those who try passwords."""

from __future__ import annotations

import pytest
from support.asgi import application, ask

from swinviz.demo.security import logins
from swinviz.demo.security.logins import LoginLimit


def test_after_some_wrong_passwords_an_address_waits_and_others_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(logins.time, "monotonic", lambda: now)
    reached: list[str] = []
    limit = LoginLimit(application(400, reached), failures=3, seconds=60)
    assert [ask(limit, "POST", "/login") for _ in range(5)] == [400, 400, 400, 429, 429]
    assert len(reached) == 3
    assert ask(limit, "POST", "/login/") == 429
    assert ask(limit, "POST", "/login", client="10.0.0.2") == 400
    assert ask(limit, "GET", "/login") == 400
    assert ask(limit, "POST", "/other") == 400
    now = 61.0
    assert ask(limit, "POST", "/login") == 400


def test_each_wrong_password_counts_for_a_minute_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(logins.time, "monotonic", lambda: now)
    limit = LoginLimit(application(400))
    for number in range(25):  # ten within a minute, and then one more each time the oldest is a minute old
        now = 6.0 * number
        assert ask(limit, "POST", "/login") == 400, number
    now += 5.9
    assert ask(limit, "POST", "/login") == 429
    now += 0.1
    assert ask(limit, "POST", "/login") == 400


def test_the_right_password_begins_anew() -> None:
    answers = iter([400, 400, 200, 400, 400, 400])

    async def app(scope, receive, send):
        await application(next(answers))(scope, receive, send)

    limit = LoginLimit(app, failures=3)
    statuses = [ask(limit, "POST", "/login") for _ in range(7)]
    assert statuses == [400, 400, 200, 400, 400, 400, 429]


def test_one_network_of_ipv6_is_one_visitor() -> None:
    limit = LoginLimit(application(400), failures=2)
    statuses = [ask(limit, "POST", "/login", client=f"2001:db8:1:2::{n}") for n in range(3)]
    assert statuses == [400, 400, 429]
    assert ask(limit, "POST", "/login", client="2001:db8:1:3::1") == 400


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "_MOST_REMEMBERED", 5)
    limit = LoginLimit(application(400), failures=2)
    for number in range(20):
        ask(limit, "POST", "/login", client=f"10.0.0.{number}")
    assert list(limit._failed) == [f"10.0.0.{number}" for number in range(15, 20)]
