"""Inference: from a prompt to scenes."""
