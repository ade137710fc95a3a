"""The node: its programs, their configuration, and starting and stopping it."""
