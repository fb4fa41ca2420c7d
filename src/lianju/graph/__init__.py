"""A network as one graph, which OpenVINO compiles for a CPU."""
