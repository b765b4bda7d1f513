"""What a run found, for terminals, people, machines and reviewers; takes values, fits nothing."""
