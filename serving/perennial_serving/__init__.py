"""The ONNX model server: Open Inference Protocol v2."""
