"""The drift rule beside Evidently's and NannyML's defaults, on the same windows."""
