"""notification-service: tells of reminders that are due (as log lines)."""
