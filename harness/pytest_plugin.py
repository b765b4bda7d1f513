"""The pytest plugin: fixtures for tests that hold a port against an R reference."""
