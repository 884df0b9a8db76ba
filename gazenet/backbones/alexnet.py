"""AlexNet with one tower (Krizhevsky, 2014), with the usual key names ``features.N`` and ``classifier.N``."""

from __future__ import annotations

from torch import Tensor, nn


def alexnet_features(last_pool: bool = True) -> nn.Sequential:
    """Build the convolutional part: ``[N, 3, H, W]`` to 256 channels.

    At 227 x 227 pixels the map is 6 x 6, or 13 x 13 without ``last_pool``.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 11, 4, 2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(inplace=True),
    ]
    return nn.Sequential(*layers, nn.MaxPool2d(3, 2)) if last_pool else nn.Sequential(*layers)


def alexnet_classifier(classes: int = 1000) -> nn.Sequential:
    """Build the dense part: ``[N, 9216]`` to logits ``[N, classes]``, with dropout in training mode."""
    return nn.Sequential(
        nn.Dropout(),
        nn.Linear(9216, 4096),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(inplace=True),
        nn.Linear(4096, classes),
    )


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
