"""How a picture is segmented for a visitor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gradio import Error
from PIL import Image
from support.demo_samples import (
    bad_uploads,
    make_state,
    picture,
)

from swinviz.interventions import EDIT_TITLES


@pytest.mark.parametrize("name", bad_uploads())
def test_a_bad_upload_gives_one_sentence_without_the_servers_folders(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(bad_uploads()[name])
    with pytest.raises(Error) as refusal:
        make_state().segment(str(file), "tiny")
    message = str(refusal.value.message)
    assert str(tmp_path) not in message
    assert "Traceback" not in message
    assert "\n" not in message


@pytest.mark.parametrize("name", EDIT_TITLES)
def test_each_edit_of_the_menu_changes_the_model_for_one_picture_only(name: str, tmp_path: Path) -> None:
    state = make_state()
    file = tmp_path / "a.png"
    Image.fromarray(picture((70, 50))).save(file)
    plain = state.segment(str(file), "tiny")
    edited = state.segment(str(file), "tiny", edits=name)
    assert np.abs(plain.scores - edited.scores).max() > 1e-6
    assert (state.segment(str(file), "tiny").scores == plain.scores).all()
