"""What the values of labels mean, in masks and in tables."""

IGNORE = 255
"""Label of pixels that neither train nor count."""
VOID = 255
"""Value of pixels in an instance map that belong to no instance, nor to the background."""
NOISY = 0
"""Label of an instance that is rejected; as the label of a pixel, background."""
NOISY_TAG = "noisy"
"""Tag of an instance that is rejected."""
ALL = "all"
"""In a table of figures: the row of all categories together."""
RESERVED_NAMES = (ALL, "background", NOISY_TAG)
"""Words that mean something else where the name of a category stands."""
