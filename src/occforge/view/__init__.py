"""Scenes in a browser: a page that is one file, and a live viewer."""
