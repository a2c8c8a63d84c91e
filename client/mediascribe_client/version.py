"""The version, apart, so that building reads it without importing the rest."""

__version__ = "0.1.0"
