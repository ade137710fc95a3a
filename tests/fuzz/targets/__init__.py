"""One file per target, found by its name: TARGET, and with ``tests.fuzz.frame`` nothing else to register."""
