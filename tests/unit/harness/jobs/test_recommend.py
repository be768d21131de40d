"""Choosing from stored runs: limits, the front, reasons, and deploy.json."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.models_recommend import recommend_models
from harness.clock import ManualClock
from harness.errors import UserError
from harness.jobs.deploy import deployment
from harness.jobs.recommend import Limits, Recommendation, recommend
from harness.record import (
    Accuracy,
    Cell,
    DeviceFacts,
    Outcome,
    RunPlan,
    Trial,
    TrialRecord,
)
from harness.scenario import Burst, Cold, SingleStream
from harness.store.run_reader import RunReader
from harness.store.store import ResultsStore
from harness.variant import ModelFormat, Variant

#: By the part of a device's name before the dash.
FACTS = {
    "local": {"platform": "linux", "cpu": "made up", "cores": 2},
    "android:pixel": {"platform": "android", "model": "Pixel 9", "soc": "G4"},
    "android:nobody": {"platform": "android", "simulated": False},
    "android:sham": {"platform": "android", "model": "Pixel 9", "soc": "G4", "simulated": True},
}


def variant(name: str, size: int, precision: str | None = None) -> Variant:
    digest = name.encode().hex().ljust(64, "0")[:64]
    return Variant("net", name, ModelFormat.TFLITE, digest, size, precision or name[:4])


def timed(model: Variant, ms: float, rss_mb: float | None = 100, **changes: object):
    cell = replace(Cell("local", model, "tflite", "cpu", 1, 1, SingleStream()), **changes)
    rss = {} if rss_mb is None else {"rss_peak_bytes": rss_mb * 1e6}
    return cell, {"latency_p90_ns": ms * 1e6, **rss}, None


def asked(model: Variant, top1: float, dataset: str = "digits", **changes: object):
    cell = replace(
        Cell("local", model, "tflite", "cpu", 1, 1, Burst(), purpose="accuracy"), **changes
    )
    accuracy = Accuracy(dataset, "test", "d", 900, {"accuracy_top1": (top1 - 0.01, top1 + 0.01)})
    return cell, {"accuracy_top1": top1}, accuracy


@pytest.fixture
def store(tmp_path: Path) -> ResultsStore:
    return ResultsStore(tmp_path / "results", clock=ManualClock())


@pytest.fixture
def make_run(store):
    def make(*measured, outcome: Outcome = Outcome.OK) -> RunReader:
        made = len(list(store.runs())) + 1
        trials = [Trial(f"{cell.key}-r0", cell, 0, n) for n, (cell, _, _) in enumerate(measured)]
        devices = sorted({cell.device_id for cell, _, _ in measured})
        known = {name: FACTS.get(name.partition("-")[0], {}) for name in devices}
        facts = {name: DeviceFacts(name, values) for name, values in known.items()}
        plan = RunPlan(
            f"2026010{made}T000000Z-r", "s", None, "2026-01-01T00:00:00Z", tuple(trials),
            facts=facts,
        )  # fmt: skip
        writer = store.create_run(plan)
        for trial, (_, metrics, accuracy) in zip(trials, measured, strict=True):
            attempt = writer.begin_trial(trial)
            record = TrialRecord(
                writer.run_id, trial, 1, outcome, "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z",
                metrics=metrics, accuracy=accuracy,
            )  # fmt: skip
            attempt.finish(record, "")
        writer.close("complete")
        return store.resolve(writer.run_id)

    return make


FP32, INT8, INT4 = variant("fp32", 4_000), variant("int8", 1_000), variant("int4", 500)
USUAL = (
    *(timed(FP32, 10, 200), timed(INT8, 5, 100), timed(INT4, 4, 90)),
    *(asked(FP32, 0.98), asked(INT8, 0.975), asked(INT4, 0.90)),
)


def only(found: list[Recommendation]) -> Recommendation:
    (answer,) = found
    return answer


def names(answer: Recommendation) -> list[tuple[str, str]]:
    return [(item.candidate.cell.variant.name, item.why) for item in answer.judged]


def test_without_limits_the_fastest_is_chosen_and_the_others_say_why_not(make_run) -> None:
    answer = only(recommend([make_run(*USUAL)], Limits()))
    assert names(answer) == [
        ("int4", ""),
        ("int8", "p90 latency 5 ms, net/int4 on tflite has 4 ms"),
        ("fp32", "p90 latency 10 ms, net/int4 on tflite has 4 ms"),
    ]
    assert all(item.on_front for item in answer.judged)  # each is the best at something


def test_a_loss_of_accuracy_beyond_the_limit_rules_a_variant_out(make_run) -> None:
    answer = only(recommend([make_run(*USUAL)], Limits(accuracy_loss=0.01)))
    assert names(answer)[0] == ("int8", "")
    assert names(answer)[-1] == ("int4", "loses 8.00 points of accuracy, at most 1")
    assert [item.candidate.cell.variant.name for item in answer.fallbacks] == ["fp32"]


def test_a_loss_of_exactly_the_limit_is_allowed(make_run) -> None:
    answer = only(recommend([make_run(*USUAL)], Limits(accuracy_loss=0.005)))
    assert names(answer)[0] == ("int8", "")


def test_every_broken_limit_is_told(make_run) -> None:
    limits = Limits(accuracy_loss=0.0, latency_ns=3e6, rss_bytes=50e6)
    answer = only(recommend([make_run(*USUAL)], limits))
    assert answer.choice is None
    assert dict(names(answer))["int8"] == (
        "p90 latency 5 ms, at most 3; peak RSS 100 MB, at most 50; "
        "loses 0.50 points of accuracy, at most 0"
    )


def test_what_was_not_measured_fits_no_limit(make_run) -> None:
    run = make_run(timed(FP32, 10), timed(INT8, 5, rss_mb=None), asked(FP32, 0.98))
    found = dict(names(only(recommend([run], Limits(accuracy_loss=0.5, rss_bytes=1e9)))))
    assert found["int8"] == ("its peak RSS was not measured; its loss of accuracy was not measured")
    assert found["fp32"] == ""


def test_accuracy_on_other_data_or_another_engine_does_not_count(make_run) -> None:
    run = make_run(
        *(timed(FP32, 10), timed(INT8, 5), timed(INT4, 4), asked(FP32, 0.98)),
        asked(INT8, 0.98, dataset="own.npz"),
        asked(INT4, 0.98, engine="onnxruntime"),
    )
    answer = only(recommend([run], Limits(accuracy_loss=0.01)))
    assert names(answer)[0] == ("fp32", "")
    assert {why for _, why in names(answer)[1:]} == {"its loss of accuracy was not measured"}


def test_a_dominated_variant_is_off_the_front_and_says_by_whom(make_run) -> None:
    clumsy = variant("int8-clumsy", 1_500)
    run = make_run(*USUAL, timed(clumsy, 6, 110), asked(clumsy, 0.97))
    answer = only(recommend([run], Limits(accuracy_loss=0.02)))
    place = [item for item in answer.judged if item.candidate.cell.variant == clumsy]
    assert [(item.on_front, item.why) for item in place] == [
        (False, "net/int8 on tflite is at least as good in everything measured")
    ]


def test_noise_does_not_decide_for_a_larger_file(make_run) -> None:
    run = make_run(
        *(timed(FP32, 4.9), timed(INT8, 5), timed(INT4, 5.2)),
        *(asked(FP32, 0.98), asked(INT8, 0.98), asked(INT4, 0.98)),
    )
    assert names(only(recommend([run], Limits()))) == [
        ("int8", ""),  # int4 is smaller, but more than 5 % slower than the fastest
        ("fp32", "about as fast as net/int8 on tflite, and larger"),
        ("int4", "p90 latency 5.2 ms, net/int8 on tflite has 5 ms"),
    ]


def test_the_most_accurate_within_a_time(make_run) -> None:
    """What a search over widths and resolutions asks for."""
    answer = only(recommend([make_run(*USUAL)], Limits(latency_ns=6e6), prefer="accuracy"))
    assert names(answer) == [
        ("int8", ""),
        ("int4", "faster, and 7.50 points less accurate than net/int8 on tflite"),
        ("fp32", "p90 latency 10 ms, at most 6"),
    ]
    blind = only(recommend([make_run(timed(FP32, 1))], Limits(), prefer="accuracy"))
    assert names(blind) == [("fp32", "its accuracy was not measured")]


def test_later_runs_replace_earlier_values_and_add_accuracy(make_run) -> None:
    first = make_run(timed(FP32, 10), timed(INT8, 50))
    second = make_run(timed(INT8, 5), asked(FP32, 0.9), asked(INT8, 0.9))
    answer = only(recommend([first, second], Limits(accuracy_loss=0.01, latency_ns=6e6)))
    assert names(answer)[0] == ("int8", "")
    assert answer.runs == (first.run_id, second.run_id)


def test_batches_cold_starts_and_bad_trials_are_no_candidates(make_run) -> None:
    run = make_run(timed(FP32, 10), timed(INT8, 1, batch=8), timed(INT4, 1, load=Cold()))
    bad = make_run(timed(INT4, 1), outcome=Outcome.INVALID)
    assert names(only(recommend([run, bad], Limits()))) == [("fp32", "")]


def test_devices_are_answered_apart(make_run) -> None:
    phone = "android:pixel-1"
    run = make_run(timed(FP32, 10), timed(INT8, 5), timed(FP32, 3, device_id=phone))
    found = recommend([run], Limits(latency_ns=4e6))
    assert [(answer.devices, answer.choice is not None) for answer in found] == [
        ((phone,), True),
        (("local",), False),
    ]


ONE, TWO = "android:pixel-1", "android:pixel-2"


def on(device_id: str, *measured):
    return [(replace(cell, device_id=device_id), *rest) for cell, *rest in measured]


def test_units_of_a_class_have_one_answer_and_the_worst_figures(make_run) -> None:
    slow = [timed(FP32, 12, 210), timed(INT8, 7, 90), timed(INT4, 3, 80), asked(INT8, 0.97)]
    run = make_run(*on(ONE, *USUAL), *on(TWO, *slow))
    limits = Limits(accuracy_loss=0.02, latency_ns=6.5e6)
    answer = only(recommend([run], limits))
    assert answer.devices == (ONE, TWO)
    assert answer.match == {"platform": "android", "model": "Pixel 9", "soc": "G4"}
    assert dict(names(answer))["int8"] == "p90 latency 7 ms, at most 6.5"  # 5 ms on the other
    (int8,) = [i.candidate for i in answer.judged if i.candidate.cell.variant == INT8]
    assert int8.figures["rss_peak_bytes"].value == pytest.approx(100e6)
    assert int8.loss == pytest.approx(0.01)  # the least accuracy of the units that were asked
    (entry,) = deployment([answer], limits)["device_classes"]
    assert entry["devices"] == [ONE, TWO]
    assert entry["choice"] is None


def test_what_one_unit_lacks_is_not_chosen(make_run) -> None:
    """It may have failed there, and an app cannot tell the units apart."""
    run = make_run(*on(ONE, *USUAL), *on(TWO, timed(FP32, 12), timed(INT8, 5)))
    answer = only(recommend([run], Limits()))
    assert names(answer)[0] == ("int8", "")
    assert dict(names(answer))["int4"] == f"was not measured on {TWO}"
    bad = make_run(*on("android:pixel-3", timed(FP32, 12)), outcome=Outcome.FAILED)
    spoilt = only(recommend([run, bad], Limits()))
    assert spoilt.choice is None
    assert "was not measured on android:pixel-3" in dict(names(spoilt))["fp32"]


def test_answers_of_one_unit_are_those_of_its_class(make_run) -> None:
    first = make_run(*on(ONE, timed(FP32, 10), timed(INT8, 5)))
    second = make_run(*on(TWO, asked(FP32, 0.98), asked(INT8, 0.97)))
    answer = only(recommend([first, second], Limits(accuracy_loss=0.02)))
    assert names(answer)[0] == ("int8", "")
    assert answer.devices == (ONE,)


def test_devices_that_nothing_is_known_of_are_classes_of_their_own(make_run) -> None:
    names_ = ("android:nobody-1", "android:nobody-2")
    run = make_run(*(item for name in names_ for item in on(name, *USUAL)))
    found = recommend([run], Limits())
    assert [answer.match for answer in found] == [
        {"platform": "android", "device": name} for name in names_
    ]


def test_a_simulated_unit_is_no_unit_of_the_real_class(make_run) -> None:
    run = make_run(*on(ONE, *USUAL), *on("android:sham-1", *USUAL))
    real, sham = recommend([run], Limits())
    assert (real.devices, sham.devices) == ((ONE,), ("android:sham-1",))
    assert sham.match["simulated"] is True


def test_only_the_selected_units_count(make_run, store) -> None:
    run = make_run(*on(ONE, *USUAL), *on(TWO, *USUAL), *USUAL)
    call = [run.run_id, "--results", str(store.root), "--json"]
    done = CliRunner().invoke(recommend_models, [*call, "-s", TWO], standalone_mode=False)
    (entry,) = json.loads(done.output)["device_classes"]
    assert entry["devices"] == [TWO]
    both = CliRunner().invoke(
        recommend_models, [*call, "-s", "model=Pixel*"], standalone_mode=False
    )
    assert [e["devices"] for e in json.loads(both.output)["device_classes"]] == [[ONE, TWO]]
    none = CliRunner().invoke(recommend_models, [*call, "-s", "model=Moto*"])
    assert "measured no such device; they have android:pixel-1" in str(none.exception)


def test_deploy_json_names_files_by_digest_with_the_fallbacks_in_order(make_run) -> None:
    limits = Limits(accuracy_loss=0.01)
    document = deployment(recommend([make_run(*USUAL)], limits), limits)
    (entry,) = json.loads(json.dumps(document))["device_classes"]
    assert entry["match"] == {"platform": "linux", "cpu": "made up"}
    assert entry["choice"]["sha256"] == INT8.digest
    assert entry["choice"]["measured"]["latency_p90_ns"] == pytest.approx(5e6)
    assert [item["variant"] for item in entry["fallbacks"]] == ["fp32"]


def test_the_command_prints_writes_and_tells_by_its_exit_code(make_run, store, tmp_path) -> None:
    run = make_run(*USUAL)
    out = tmp_path / "deploy.json"
    call = [run.run_id, "--results", str(store.root), "--max-accuracy-loss", "1%"]
    done = CliRunner().invoke(recommend_models, [*call, "--emit", str(out)], standalone_mode=False)
    assert done.return_value == 0, done.output
    assert "CHOSEN" in done.output
    assert "loses 8.00 points of accuracy, at most 1" in done.output
    assert json.loads(out.read_text())["device_classes"][0]["choice"]["variant"] == "int8"
    none = CliRunner().invoke(
        recommend_models, [*call, "--max-latency-ms", "1"], standalone_mode=False
    )
    assert none.return_value == 1
    assert "Nothing is within the limits." in none.output


def test_the_command_draws_accuracy_against_latency(make_run, store, tmp_path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'figures'")
    call = [make_run(*USUAL).run_id, "--results", str(store.root)]
    plot = tmp_path / "front.svg"
    done = CliRunner().invoke(recommend_models, [*call, "--plot", str(plot)], standalone_mode=False)
    assert done.return_value == 0, done.output
    assert "(chosen)" in plot.read_text("utf-8")
    wrong = CliRunner().invoke(recommend_models, [*call, "--plot", str(tmp_path / "front.gif")])
    assert isinstance(wrong.exception, UserError)
    assert not (tmp_path / "front.gif").exists()


@pytest.mark.parametrize("text", ["much", "-1%", "100%", "nan"])
def test_a_loss_that_is_no_share_is_refused(make_run, store, text: str) -> None:
    run = make_run(*USUAL)
    call = [run.run_id, "--results", str(store.root), f"--max-accuracy-loss={text}"]
    done = CliRunner().invoke(recommend_models, call)
    assert done.exit_code == 2
    assert "write points of accuracy, as in 1%" in done.output


def with_energy(model: Variant, ms: float, **energy_j: float):
    cell, metrics, accuracy = timed(model, ms)
    return cell, {**metrics, **energy_j}, accuracy


def test_energy_is_a_cost_and_a_limit(make_run) -> None:
    quick, frugal = variant("fp32-quick", 100), variant("int8-frugal", 100)
    run = make_run(
        with_energy(quick, 5.0, energy_net_j=0.050, energy_gross_j=0.09),
        with_energy(frugal, 8.0, energy_net_j=0.020, energy_gross_j=0.06),
    )
    (free,) = recommend([run], Limits())
    assert all(item.on_front for item in free.judged)  # one is quicker, the other takes less
    (answer,) = recommend([run], Limits(energy_j=0.030))
    assert answer.choice is not None
    assert answer.choice.candidate.cell.variant == frugal
    (refused,) = [item for item in answer.judged if not item.fits]
    assert "energy per inference 50 mJ, at most 30" in refused.why


def test_gross_energy_is_not_compared_with_net(make_run) -> None:
    net, gross = variant("fp32-net", 100), variant("int8-gross", 100)
    run = make_run(
        with_energy(net, 5.0, energy_net_j=0.05), with_energy(gross, 5.5, energy_gross_j=0.06)
    )
    (answer,) = recommend([run], Limits())
    assert all(item.on_front for item in answer.judged)


def test_the_command_shows_energy_and_holds_it_to_a_limit(make_run, store, tmp_path) -> None:
    run = make_run(
        with_energy(FP32, 5.0, energy_net_j=0.050), with_energy(INT8, 8.0, energy_gross_j=0.060),
        asked(FP32, 0.98), asked(INT8, 0.97),
    )  # fmt: skip
    call = [run.run_id, "--results", str(store.root)]
    done = CliRunner().invoke(recommend_models, call, standalone_mode=False)
    assert "energy [mJ]" in done.output
    assert "60 gross" in done.output
    assert "net of idle unless it says gross" in done.output
    held = CliRunner().invoke(
        recommend_models, [*call, "--max-energy-mj", "55", "--json"], standalone_mode=False
    )
    (entry,) = json.loads(held.output)["device_classes"]
    assert entry["choice"]["variant"] == "fp32"
    assert entry["choice"]["measured"]["energy_net_j"] == pytest.approx(0.05)
    assert json.loads(held.output)["limits"]["max_energy_mj"] == pytest.approx(55)
    plain = CliRunner().invoke(
        recommend_models, [make_run(*USUAL).run_id, *call[1:]], standalone_mode=False
    )
    assert "energy" not in plain.output.partition("Front")[0]


def test_the_command_draws_accuracy_against_energy(make_run, store, tmp_path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'figures'")
    run = make_run(with_energy(FP32, 5.0, energy_net_j=0.05), asked(FP32, 0.98))
    plot = tmp_path / "front.svg"
    call = [run.run_id, "--results", str(store.root), "--plot-by", "energy", "--plot", str(plot)]
    done = CliRunner().invoke(recommend_models, call, standalone_mode=False)
    assert done.return_value == 0, done.output
    assert "energy (per inference, mJ)" in plot.read_text("utf-8")
    call[0] = make_run(*USUAL).run_id
    bare = CliRunner().invoke(recommend_models, call)
    assert "no candidate has both energy and accuracy" in str(bare.exception)
