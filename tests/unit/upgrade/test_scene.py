"""What the next base is made of keeps up with what users may ask for."""

from perennial.api import ModelDeployment
from perennial.api.deployment import Rollout, Serving
from upgrade import scene


def test_every_serving_option_is_asked_for() -> None:
    known = {str(field.alias) for field in Serving.model_fields.values()}
    assert scene.OPTIONS.keys() == known, "add the new one to OPTIONS in tests/upgrade/scene.py"


def test_every_option_of_a_rollout_is_asked_for() -> None:
    made = scene.deployments("a" * 64)
    asked = {option for body in made for option in body["spec"].get("rollout", {})}
    known = {str(field.alias) for field in Rollout.model_fields.values()}
    assert asked == known, "add the new one to deployments() in tests/upgrade/scene.py"


def test_every_deployment_has_a_state_in_which_it_is_kept_and_can_be_read() -> None:
    made = {body["metadata"]["name"]: body for body in scene.deployments("a" * 64)}
    assert made.keys() == scene.STATES.keys()
    assert not [told for body in made.values() if (told := ModelDeployment.unreadable(body))]
