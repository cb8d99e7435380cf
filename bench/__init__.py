"""Figures beside their bare limits, measured in the same run: `make bench`."""
