"""Training: one loop, one task per trainable network, checkpoints that resume bit-identically."""
