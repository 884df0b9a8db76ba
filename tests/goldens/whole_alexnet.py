"""AlexNet as one network, of the parts that the platform uses."""

from __future__ import annotations

from torch import Tensor, nn

from gazenet.backbones.alexnet import alexnet_classifier, alexnet_features


class AlexNet(nn.Module):
    """A classifier of pictures ``[N, 3, H, W]`` (at least 63 pixels) with logits ``[N, classes]``."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = alexnet_features()
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = alexnet_classifier(classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``[N, classes]``."""
        return self.classify(self.features(x))

    def classify(self, features: Tensor) -> Tensor:
        """Return logits from the map of the convolutional part."""
        return self.classifier(self.avgpool(features).flatten(1))
