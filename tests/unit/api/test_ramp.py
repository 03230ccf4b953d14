"""A ramp is another way to write steps."""

from perennial.api.deployment import Canary, Rollout


def test_a_ramp_is_made_of_shares_and_pauses() -> None:
    ramp = Canary.model_validate({"ramp": [1, 25], "every": "2m"})
    steps = [{"setWeight": 1}, {"pause": {"duration": "2m"}}]
    steps += [{"setWeight": 25}, {"pause": {"duration": "2m"}}]
    assert ramp.as_steps == Canary.model_validate({"steps": steps}).as_steps
    assert Rollout.model_validate({"canary": ramp.to_json()}).steps == ramp.as_steps


def test_blue_green_is_one_step_without_traffic() -> None:
    rollout = Rollout.model_validate({"blueGreen": {"pause": {"duration": "5m"}}})
    (step,) = rollout.steps
    assert (rollout.strategy, step.name, step.set_weight) == ("blueGreen", "preview", 0)
    assert step.pause is not None and step.pause.duration == "5m"
