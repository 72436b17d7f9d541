"""Performances that other programs recorded, read as takes, so that the add-on is of use without the backend."""
