"""A network as one graph, which OpenVINO compiles for a CPU.

`can_build` says of which networks that can be made; `writing_graph` is that of a step of writing,
which a `WritingGraph` compiles and `TextRows` run.
"""

from lianju.graph.parts import can_build
from lianju.graph.writing import TextRows, WritingGraph, writing_graph

__all__ = ["TextRows", "WritingGraph", "can_build", "writing_graph"]
