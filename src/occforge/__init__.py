"""OccForge makes labelled 3D worlds: semantic occupancy scenes and camera pictures that match them."""

__version__ = "0.1.0"
