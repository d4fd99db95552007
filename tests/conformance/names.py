import random

# None of the suites' passwords has more than a few of these, so no server finds a password too similar to a name.
LETTERS = "bcdfghjkmnpqtvxz"


def letters(count=12):
    return "".join(random.SystemRandom().choices(LETTERS, k=count))
