"""The real service as a real process, for the add-on's side of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clients import Opener, answer, write_program

from blender_addon.core.client import Client
from blender_addon.core.connection import Patience
from blender_addon.core.service_process import LocalService, RemoteService


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_program(tmp_path_factory.mktemp("bin") / "vlogger")


@pytest.fixture
def open_client() -> Iterator[Opener]:
    """Opens clients, and closes them with the services that they started."""
    clients = []

    def open_one(service: LocalService | RemoteService, patience: Patience = Patience(again=0.05)) -> Client:  # noqa: B008
        clients.append(Client(service, patience))
        return clients[-1]

    yield open_one
    for client in clients:
        client.close()
    for client in clients:
        client.close(wait=30)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Iterator[LocalService]:
    """A service that runs for all tests of a module; clients of it can't start one."""
    library = tmp_path_factory.mktemp("kept") / "library"
    client = Client(LocalService(library, program))
    client.connect()
    assert not answer(client).error
    yield LocalService(library)
    client.close(wait=30)
