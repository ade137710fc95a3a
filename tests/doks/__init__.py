"""From an empty account to a running app, and back: DigitalOcean's stand-in in front of a real cluster."""
