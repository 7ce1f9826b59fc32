"""Complete runs: a recipe is a function whose parameters are its flags."""
