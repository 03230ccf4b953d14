"""From a fitted model to ONNX, and the proof that both answer alike."""

from perennial_training.export.convert import to_onnx
from perennial_training.export.model import OnnxModel
from perennial_training.export.parity import check_parity

__all__ = ["OnnxModel", "check_parity", "to_onnx"]
