"""What logs come from: a folder for each kind."""
