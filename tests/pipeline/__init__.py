"""The workflows for real: a push to a bare repository runs act, which builds, pushes and deploys to a cluster."""
