PREFIXES = ("module.",)
