"""The process in which a file is looked at; see `verify.verify`."""

import sys
from pathlib import Path

from .verify import answer

if __name__ == "__main__":
    sys.stdout.write(answer(Path(sys.argv[1])))
