"""The REST API: routes with rules, tokens with roles, one description made from both."""
