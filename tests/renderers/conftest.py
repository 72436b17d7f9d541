"""Beside this file are the modules that tests of renderers share: pytest finds them from here."""
