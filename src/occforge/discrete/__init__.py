"""Comp-D3PM: compositional discrete diffusion of voxel scenes."""
