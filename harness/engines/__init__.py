"""Engines: a specification and a frame in, estimates out."""
