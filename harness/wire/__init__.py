"""The runner wire: messages as dataclasses and the reference codec. No sockets here.

``docs/wire.md`` is the prose, ``tests/golden/wire`` the arbiter between languages.
"""
