"""`logpost broker verify`: does a broker's directory hold what a broker wrote there? Changes nothing."""
