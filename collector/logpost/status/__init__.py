"""`logpost status`: one screen of what runs here, how fast, how far behind, and what went wrong last."""
