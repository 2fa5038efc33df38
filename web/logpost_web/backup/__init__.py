"""`logpost store backup` and `restore`: the rows of a store that runs, copied part by part and put back, each once."""
