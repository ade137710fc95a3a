"""A stateful stand-in of DigitalOcean's API, on this machine, checked against DigitalOcean's own contract."""
