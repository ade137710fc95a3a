"""sse-gateway: streams a user's events to that user's browsers."""
