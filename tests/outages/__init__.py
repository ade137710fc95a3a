"""Dependencies of the app that go away while it runs and while it is deployed."""
