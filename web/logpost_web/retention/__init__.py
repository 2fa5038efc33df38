"""How long rows are kept, and what makes room: decided on values, without a store, a clock or a disk.

- `units.py`: a unit is the rows of one class that arrived in one span of time, or a piece of them: what goes at once.
- `rules.py`: which rule holds for a row; rows of the same rule are of one class, and lie in units of their own.
- `clock.py`: what time it is for retention, when the box's clock leapt.
- `plan.py`: what goes now, what will go after a wait, and why.
"""
