"""STANet: visual-auditory saliency learned from category tags."""
