"""Where the price table of `infra.prices` comes from, and how it is brought up to date."""
