"""`logpost backup` and `logpost restore`: the data directory of a box that is stopped, copied whole, and put back."""
