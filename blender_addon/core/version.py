"""Which add-on this is. The service says the same two of itself, and both must fit together."""

VERSION = "0.1.0"
API = 1
"""The version of the HTTP interface (docs/service.md)."""
