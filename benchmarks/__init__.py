"""Measurements of speed, each a ratio against a named peer."""
