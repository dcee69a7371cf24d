"""Why believe a network? What it looks at, what it gives away, what it costs."""

from helpers.trust.explanation import occlusion_map

__all__ = ["occlusion_map"]
