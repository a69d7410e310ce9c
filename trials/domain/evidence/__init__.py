"""How a trial's end is proved: stages, their gates and what may be shown of them, as data and pure functions."""
