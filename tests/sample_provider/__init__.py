"""A provider as a package of its own would be: docs/adding-a-provider.md is written along these files."""
