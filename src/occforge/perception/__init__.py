"""From images to semantic occupancy: networks behind one plug-in interface, and their losses."""
