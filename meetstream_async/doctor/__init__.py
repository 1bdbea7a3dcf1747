"""A first look at an account: what works, which ids it shows, and how cancels will go. Only GETs.

``diagnosis`` holds the result, ``diagnose`` asks the API, and everything between the two is pure: ``_facts``
is what was asked and answered, and the other private modules judge that.
"""
