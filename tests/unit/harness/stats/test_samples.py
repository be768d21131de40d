from __future__ import annotations


def test_the_timed_part_of_an_all_timed_trial_is_no_copy(make_samples):
    samples = make_samples([1, 2, 3])
    assert samples.timed_only is samples


def test_warm_up_is_left_out(make_samples):
    timed = make_samples([1, 2, 3], warmup=2).timed_only
    assert timed.invoke_ns.tolist() == [3]
    assert bool(timed.timed.all())
