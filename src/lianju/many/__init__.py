"""Files of many couplets, completed into files of poems: without end, without loss, in parts.

Rows are read as there is room for them and written in their order, so that memory does not grow
and that the same couplets give the same file, however often the work was interrupted and into
however many shards it was divided. A manifest beside the poems holds all on which they depend and
how far they are. What is wrong with a row stands in a file of its own and stops nothing.
"""

from lianju.many.job import ManyJob, open_job
from lianju.many.manifest import ManyPlan, RowSettings

__all__ = ["ManyJob", "ManyPlan", "RowSettings", "open_job"]
