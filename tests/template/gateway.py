"""The route that an HTTP API of API Gateway chooses, by its documented rules."""


def fit(key, method, path):
    """How well a route fits a request: the better, the greater; `None` if it does not.

    A full match goes before a greedy one, and that before `$default`; among equals, more literal segments,
    then more segments before the greedy one, then the route of the method before that of any.
    """
    if key == "$default":
        return (0, 0, 0, False)
    verb, pattern = key.split(" ")
    if verb not in ("ANY", method):
        return None
    given = path.split("/")
    wanted = pattern.split("/")
    literals = 0
    for index, segment in enumerate(wanted):
        if index == len(given):
            return None
        if segment.endswith("+}"):
            return (1, literals, index, verb != "ANY")
        if segment.startswith("{"):
            if not given[index]:
                return None
        elif segment != given[index]:
            return None
        else:
            literals += 1
    return (2, literals, len(wanted), verb != "ANY") if len(wanted) == len(given) else None


def chosen(keys, method, path):
    """The keys that fit best: one, if the API is unambiguous."""
    fits = {key: fit(key, method, path) for key in keys}
    best = max(value for value in fits.values() if value is not None)
    return [key for key, value in fits.items() if value == best]
