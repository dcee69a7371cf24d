"""Tables and images for the chapters."""
