"""Where did the graph really run? A verdict from several witnesses, each a small pure module.

:mod:`assignment` (the engine's own account) and :mod:`log` (what engine and delegate wrote) speak
of the graph itself. :mod:`libraries`, :mod:`latency` and :mod:`outputs` only see traces of a
fallback. :mod:`verdict` weighs them.
"""
