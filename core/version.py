"""The version, as in pyproject.toml (a test holds them together); Callboard also runs where it is not installed."""

VERSION = "0.1.0"
