"""The benchmark, run by ``make bench``: measurements beside well-known tools in the same run, as tables and JSON."""
