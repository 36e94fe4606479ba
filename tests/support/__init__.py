"""Shared parts of the tests: servers and browsers, files good and bad, small models."""
