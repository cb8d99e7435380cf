"""The web: what the daemon serves over HTTP."""
