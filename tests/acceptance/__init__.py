"""The whole product: real daemons and commands against a double of Stripe on real ports."""
