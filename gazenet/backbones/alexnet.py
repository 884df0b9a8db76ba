"""AlexNet with one tower (Krizhevsky, 2014), with the usual key names ``features.N`` and ``classifier.N``."""

from __future__ import annotations

from torch import nn


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
