"""A network as one graph, which OpenVINO compiles for a CPU.

`can_build` says of which networks that can be made; `writing_graph` is that of a step of writing,
which a `WritingGraph` compiles and `TextRows` run; a `TrainingGraph` is one of training.
"""

from lianju.graph.compiling import precisions
from lianju.graph.parts import LINEAR_LAYERS, can_build, can_build_from
from lianju.graph.training import TrainingGraph
from lianju.graph.writing import TextRows, WritingGraph, writing_graph

__all__ = [
    "LINEAR_LAYERS",
    "TextRows",
    "TrainingGraph",
    "WritingGraph",
    "can_build",
    "can_build_from",
    "precisions",
    "writing_graph",
]
