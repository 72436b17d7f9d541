"""The local service: jobs over HTTP, kept in a library folder, worked on in processes of their own."""

API = 1
"""The version of the HTTP interface."""
