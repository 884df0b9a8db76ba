"""DeepLabV3 with a decoder, for the saliency of single frames."""
