"""The vocabulary of the project: grids, scenes, cameras, taxonomies, attributes, errors."""
