"""A network as one graph, which OpenVINO compiles for a CPU.

`can_build` says of which networks that can be made; `writing_graph` is that of a step of writing,
which a `WritingGraph` compiles and `TextRows` run; a `TrainingGraph` is one of training.
"""

from lianju.graph.parts import can_build, can_build_from
from lianju.graph.training import TrainingGraph
from lianju.graph.writing import TextRows, WritingGraph, writing_graph

__all__ = [
    "TextRows",
    "TrainingGraph",
    "WritingGraph",
    "can_build",
    "can_build_from",
    "writing_graph",
]
