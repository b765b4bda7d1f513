"""R as an engine: live in a child process, or replayed from recorded references."""
