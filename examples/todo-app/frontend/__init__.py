"""frontend: the page, and the one public door to the other services."""
