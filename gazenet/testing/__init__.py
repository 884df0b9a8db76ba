"""Tools of plugin authors to test a plugin: the conformance kit, its pytest plugin, synthetic videos and fakes."""
