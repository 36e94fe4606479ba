"""Data: class names and colours, the procedural scenes, folders of images, and the training transforms."""
