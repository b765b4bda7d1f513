"""Does an effect depend on a moderator: simple slopes and the region where it is significant."""
