"""Disks that are small, and full ones."""

import subprocess
from pathlib import Path

import pytest


def mount(folder: Path, options: str) -> None:
    """Mount a disk in memory at `folder`; skip the test where that is not allowed."""
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk can be mounted here ({error})")


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(ballast: Path) -> None:
    """Write a file until the disk is full."""
    with open(ballast, "ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
