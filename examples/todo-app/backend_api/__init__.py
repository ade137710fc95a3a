"""backend-api: users and tasks in PostgreSQL, events to the broker through Dapr."""
