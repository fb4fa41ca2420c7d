"""What a poem is: its lines, its form, and whether a completion has the right shape.

Knows nothing of torch, files or models.
"""

from lianju.verse.poem import FORMS, Form, form_of, is_han, lines_of, normal
from lianju.verse.shape import Shape, couplet_fault, shape_of

__all__ = [
    "FORMS",
    "Form",
    "Shape",
    "couplet_fault",
    "form_of",
    "is_han",
    "lines_of",
    "normal",
    "shape_of",
]
