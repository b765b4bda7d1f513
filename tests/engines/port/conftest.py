"""Being here, it puts this folder on the path: ``port_data`` serves the folders below, too."""
