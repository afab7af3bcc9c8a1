"""Fewer points for a chart; see engine.analytics.thin, which reports use too."""

from engine.analytics.thin import POINTS, thin

__all__ = ["POINTS", "thin"]
