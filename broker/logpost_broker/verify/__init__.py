"""`logpost broker verify`: checks that a broker's directory holds what a broker wrote there; changes nothing."""
