"""Data: class names and colors, the procedural scenes, folders of images, and the training transforms."""
