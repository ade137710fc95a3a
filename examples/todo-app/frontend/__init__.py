"""frontend: the page, and the one public endpoint to the other services."""
