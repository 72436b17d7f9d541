"""What the tests of running a batch share."""

import pytest
from batch_files import Run

from vlogger_backend.cli import main


@pytest.fixture
def run() -> Run:
    """Runs `vlogger batch` in this process; returns its exit code."""

    def run(*arguments: object) -> int:
        with pytest.raises(SystemExit) as end:
            main(["batch", *map(str, arguments)])
        assert isinstance(end.value.code, int)
        return end.value.code

    return run
