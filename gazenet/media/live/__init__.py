"""Live sources of frames and sound: cameras, network streams, files played in real time, microphones."""
