"""Names that nobody gave anything."""

from __future__ import annotations

from typing import Any

import pytest
from support.asgi import application, ask

from swinviz.demo.security import UnknownNames


def failing(error: Exception, *, first: dict[str, Any] | None = None) -> Any:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        if first:
            await send(first)
        raise error

    return app


def test_a_name_that_is_looked_up_in_vain_is_not_found() -> None:
    assert ask(UnknownNames(failing(KeyError("/x")))) == 404
    assert ask(UnknownNames(application())) == 200


def test_other_failures_and_answers_that_have_begun_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match="ours"):
        ask(UnknownNames(failing(ValueError("ours"))))
    begun = {"type": "http.response.start", "status": 200, "headers": []}
    with pytest.raises(KeyError):
        ask(UnknownNames(failing(KeyError("x"), first=begun)))
    with pytest.raises(KeyError):
        ask(UnknownNames(failing(KeyError("x"))), kind="websocket")
