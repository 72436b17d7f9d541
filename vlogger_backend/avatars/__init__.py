"""Avatars: bodies that a Motion can be put on."""
