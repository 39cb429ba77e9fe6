"""Models that are trained, evaluated and predict: compile(), steps, loops, and what adapts data to them."""
