"""Energy per inference from power readings: pure arithmetic, and refusal where there is none.

Readings come from a battery gauge (:mod:`battery` turns current and voltage into watts), from an
external meter, or from counters of energy (:mod:`counter`: power rails, RAPL). :mod:`held` and
:mod:`counter` give the mean power of a stretch of time; :mod:`inference` turns idle, run and idle
into gross and net energy per inference with an uncertainty. docs/method.md has the reasons.

Bad input never raises: public functions return a :class:`~harness.validity.energy.refusal.Refusal`
where the readings cannot carry a number, and findings where they carry a doubtful one.
"""
