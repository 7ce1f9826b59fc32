"""What the composition is compared with, each built of its parts and trained by its loop."""
