"""Where the classifier's arithmetic runs: on a share of a GPU where there is one, else in NumPy."""

from typing import Any

from workloads.serve import classifier


class Device:
    """Holds one model's weights. PyTorch is imported only for a GPU: its import is most of a cold start on a CPU."""

    def __init__(self, *, gpu: bool) -> None:
        self._torch: Any = None
        if gpu:
            import torch

            self._torch = torch
        self._arrays: Any = {}

    def take(self, arrays: classifier.Arrays) -> None:
        """Use these weights from the next batch on; all of them at once."""
        if self._torch:
            self._arrays = {part: self._torch.as_tensor(array, device="cuda") for part, array in arrays.items()}
        else:
            self._arrays = arrays

    def predict(self, images: Any) -> classifier.Prediction:
        """Classify a batch of rows of 64 pixels, 0–1."""
        if not self._torch:
            return classifier.predict(self._arrays, images)
        with self._torch.no_grad():
            rows = self._torch.as_tensor(images, device="cuda")
            features = (rows @ self._arrays["w1"] + self._arrays["b1"]).relu()
            probabilities = (features @ self._arrays["w2"] + self._arrays["b2"]).softmax(dim=-1)
            return classifier.Prediction(features.cpu().numpy(), probabilities.cpu().numpy())
