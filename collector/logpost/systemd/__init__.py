"""What a part tells who started it: notices (sd_notify), and entries of the journal with their fields."""
