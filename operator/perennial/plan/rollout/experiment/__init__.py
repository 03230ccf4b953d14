"""Several models on live traffic for a time: which has how much of it, and which is best.

arms        which models take part: as the status names them, and as the spec says now
questions   what pods are asked, of requests and of outcomes
told        what the pods were told of predictions: by arm and age, batch by batch
shares      how much of the traffic each arm is to have
judging     what is known of the arms, and whether that decides
health      arms that fail as models: their pods, their answers, their signature
goal        which revisions are to have which share
lead        where the experiment stands: it waits, runs, gives way to a rollout, ends
"""

from perennial.plan.rollout.experiment.arms import taking_part
from perennial.plan.rollout.experiment.goal import goal, is_on, is_wanted
from perennial.plan.rollout.experiment.health import signature_questions
from perennial.plan.rollout.experiment.lead import keeps_waiting, lead
from perennial.plan.rollout.experiment.questions import questions

__all__ = [
    "goal",
    "is_on",
    "is_wanted",
    "keeps_waiting",
    "lead",
    "questions",
    "signature_questions",
    "taking_part",
]
