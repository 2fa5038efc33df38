"""The programs under examples/, run as their pages say, against a real broker."""
