"""``make molecule``: molecule's scenarios, with a line per phase; what they print goes to a file."""
