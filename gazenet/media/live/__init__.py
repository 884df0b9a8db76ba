"""Pictures and sound as they happen: cameras, network streams, files played at their own pace, microphones."""
