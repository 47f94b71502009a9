"""Figures of the review: every drawing function returns a matplotlib Figure, `style.save_figure` writes it."""
