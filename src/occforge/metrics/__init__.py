"""Scores with fixed protocols: functional cores, thin streaming classes; `report` prints what they were made of."""
