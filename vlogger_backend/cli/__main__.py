"""`python -m vlogger_backend.cli`: the `vlogger` command, where only the interpreter is known."""

from . import main

if __name__ == "__main__":
    main()
