"""The report that a user copies: it says what happened, and nothing private."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import AddonError
from blender_addon.core.report import masked, report


def test_it_says_what_happened_and_masks_what_is_private():
    home = Path.home()
    error = AddonError(f"There is no sound at {home / 'secret film' / 'line.wav'}.")
    error.__cause__ = FileNotFoundError(str(home / "x"))
    text = report(
        error,
        {"Blender": "4.5.1", "Job": "6b1f"},
        ["GET /v1/health Authorization: Bearer abc-DEF_123", r"cannot open C:\Users\Ann Smith\film\x.wav"],
    )
    for shown in ("AddonError", "FileNotFoundError", "4.5.1", "6b1f", "~/secret film/line.wav", r"~\film\x.wav"):
        assert shown in text
    for hidden in (str(home) + "/", "abc-DEF_123", "Ann"):
        assert hidden not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/bob/a.wav and /Users/Ann/b", "~/a.wav and ~/b"),
        (r"D:\Users\ann\x", r"~\x"),
        ('{"token": "s3cret", "port": 1}', '{"token": "…", "port": 1}'),
        ("The token of the library is damaged.", "The token of the library is damaged."),
        ("/usr/share/users.txt", "/usr/share/users.txt"),
    ],
)
def test_masking(text, expected):
    assert masked(text) == expected


@given(st.text())
def test_masking_twice_is_masking_once(text):
    assert masked(masked(text)) == masked(text)
