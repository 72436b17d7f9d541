"""What is made of pip's lines."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.pip_words import PROGRESS, Progress, why

LINES = [
    "Collecting bpy==4.5.* (from vlogger==0.1.0)",
    "Downloading bpy-4.5.15-cp311-cp311-manylinux_2_28_x86_64.whl (373.1 MB)",
    "Progress 0 of 400000000",
    "Progress 200000000 of 400000000",
    "Progress 400000000 of 400000000",
    "WARNING: something is ignored",
    "Downloading https://files.example/x/anny-0.6.2-py3-none-any.whl (100.0 MB)",
    "Progress 100000000 of 100000000",
    "Installing collected packages: numpy, anny, bpy, vlogger",
]


def test_it_follows_what_is_fetched_and_unpacked():
    progress = Progress(1_000_000_000)
    shown = []
    for line in LINES:
        progress.hear(line)
        shown.append((progress.words, round(progress.done(0), 3)))
    assert shown[0] == ("Collecting bpy==4.5.*", 0.0)
    assert shown[3] == ("Downloading bpy: 200 of 400 MB", 0.15)
    assert shown[5] == ("Downloading bpy: 400 of 400 MB", 0.3)
    assert shown[7] == ("Downloading anny: 100 of 100 MB", 0.375)
    assert shown[8] == ("Unpacking 4 packages", 0.75)
    assert (progress.done(2), progress.done(4), progress.done(9)) == (0.875, 1.0, 1.0)


def test_more_than_was_expected_is_not_more_than_all():
    progress = Progress(1000)
    for line in LINES[:-1]:
        progress.hear(line)
    assert progress.done(0) < 0.75


@given(st.lists(st.one_of(st.sampled_from(LINES), st.text(max_size=30), st.from_regex(PROGRESS)), max_size=20))
def test_nonsense_does_no_harm(lines):
    progress = Progress(10)
    for line in lines:
        progress.hear(line)
        assert 0 <= progress.done(3) <= 1
    assert why(lines)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("OSError: [WinError 112] There is not enough space on the disk", "disk is full"),
        ("[WinError 206] The filename or extension is too long: 'C:\\\\x'", "long paths"),
        ("ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407'))", "HTTPS_PROXY"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] self-signed'))", "certificates"),
        ("  NewConnectionError: [Errno -3] Temporary failure in name resolution", "can't be reached"),
        ("socket.gaierror: [Errno 11001] getaddrinfo failed", "can't be reached"),
        ("ReadTimeoutError(\"HTTPSConnectionPool(host='pypi.org'): Read timed out.\")", "can't be reached"),
        ("error: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "damaged"),
        ("PermissionError: [WinError 5] Access is denied: 'x.pyd'", "virus scanner"),
        ("OSError: [Errno 13] Permission denied: '/x'", "permissions"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no torch for this system"),
        ("ERROR: ResolutionImpossible: for help visit x", "It said: ERROR: ResolutionImpossible"),
        ("", "could not be installed"),
    ],
)
def test_its_errors_become_a_sentence(said, reason):
    assert reason in why(["Collecting a", said])
    assert re.search(r"Install again|another machine|permissions of", why([said]))


def test_no_network_explains_that_nothing_was_found():
    lines = ["WARNING: Retrying after NewConnectionError", "ERROR: No matching distribution found for numpy"]
    assert "can't be reached" in why(lines)
