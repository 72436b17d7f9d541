"""MediaPipe without its chatter."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Turn away what C++ libraries print to stderr meanwhile (MediaPipe, absl and TensorFlow Lite greet and warn).

    It is the file descriptor of the whole process that is turned, since they know no other way. If an exception
    comes, all that was said is passed on, for it may be the reason.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        kept = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
