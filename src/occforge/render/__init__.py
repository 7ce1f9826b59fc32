"""Pictures of scenes: what a camera sees (labels, depth, colour), maps, meshes and the files they go to."""
