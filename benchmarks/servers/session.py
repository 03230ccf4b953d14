"""The same onnxruntime session for everybody: one thread that does not spin, as on one core."""

from typing import Any

import onnxruntime


def session(path: str) -> Any:
    """Load a model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
