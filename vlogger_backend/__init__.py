"""Speech in, character animation out. `docs/architecture.md` says where things are."""

__version__ = "0.1.0"
