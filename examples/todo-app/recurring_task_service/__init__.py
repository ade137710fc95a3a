"""recurring-task-service: creates the next instance of a recurring task when one is completed."""
