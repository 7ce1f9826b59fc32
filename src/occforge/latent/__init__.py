"""OccScene: images and occupancy denoised together."""
