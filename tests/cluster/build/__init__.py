"""What a cluster is made of: programs from their Go modules, and images from plain files."""
