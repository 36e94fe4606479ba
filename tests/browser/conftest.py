"""The explorer in its two hosts: beside Python, and as one offline file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.explorer_host import hosted, small_session

from swinviz.explorer import Session, save_html


@pytest.fixture(scope="module")
def session() -> Session:
    return small_session()


@pytest.fixture(scope="module")
def live(session: Session) -> Iterator[str]:
    with hosted(session) as url:
        yield url


@pytest.fixture(scope="module")
def offline(session: Session, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("offline") / "view.html"
    save_html(session, path)
    return path.as_uri()
