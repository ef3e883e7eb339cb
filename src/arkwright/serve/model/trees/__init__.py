"""Ensembles of decision trees, computed by `native` where that gives what ONNX Runtime gives, to the bit."""
