"""A stand-in for Colab's own package. `google` has no __init__.py: it is shared with protobuf."""
