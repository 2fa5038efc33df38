"""`logpost doctor`: looks at all that logpost needs of its host and says of each whether it is well, and else what to
do."""
