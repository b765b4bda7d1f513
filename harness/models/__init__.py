"""What is asked of an engine, what it learns from the data, and what it answers."""
