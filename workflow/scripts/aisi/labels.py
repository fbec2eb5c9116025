"""Meaning of the values of labels, in masks and in tables."""

IGNORE = 255
"""Label of pixels that are used neither in training nor in evaluation."""
LARGEST = 254
"""Largest label of a category, since 255 is taken."""
VOID = 255
"""Value of pixels in an instance map that belong neither to an instance nor to the background."""
NOISY = 0
"""Label of a rejected instance. As the label of a pixel, 0 is background."""
NOISY_TAG = "noisy"
"""Tag of a rejected instance."""
ALL = "all"
"""In a table of figures: all categories together."""
BACKGROUND = "background"
"""In a table of figures: label 0 of pixels."""
RESERVED_NAMES = (ALL, BACKGROUND, NOISY_TAG)
"""Words with another meaning, which therefore cannot be names of categories."""
