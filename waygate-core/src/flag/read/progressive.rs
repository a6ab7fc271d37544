use super::{
    at::{self, At},
    object::Object,
};
use crate::flag::{
    model::{Hold, Progressive, Stage},
    place::Place,
    problem::{ProblemCode, Problems},
};

/// Reads a progressive rollout; `None` without a start.
pub(super) fn progressive(at: At<'_>, p: &mut Problems) -> Option<Progressive> {
    Object::read(at, p, |object, p| {
        let start = object.required("start", at::instant, p);
        let variation = object.required("variation", at::text, p);
        let baseline = object.required("baseline", at::text, p);
        let stages = object.required("stages", |at, p| at.list(stage, p), p);
        let linear = object.optional("linear", at::flag, p).unwrap_or(false);
        let holds = object.optional("holds", |at, p| at.list(hold, p), p);
        let mut holds: Vec<Hold> = holds.unwrap_or_default().into_iter().flatten().collect();
        holds.sort_by_key(|hold| hold.from);
        Some(Progressive {
            variation,
            baseline,
            start: start?,
            stages,
            linear,
            holds,
        })
    })
}

fn stage(at: At<'_>, p: &mut Problems) -> Stage {
    Object::read(at, p, |object, p| Stage {
        after_seconds: object.required("after_seconds", at::seconds, p),
        weight: object.required("weight", at::weight, p),
    })
}

fn hold(at: At<'_>, p: &mut Problems) -> Option<Hold> {
    let (from, until) = Object::read(at, p, |object, p| {
        let from = object.required("from", at::instant, p);
        (from, object.parsed("until", at::instant, p))
    });
    if from.zip(until).is_some_and(|(from, until)| until < from) {
        let place = Place::Member(&at.place, "until");
        let message = "the end comes before the start";
        p.add(place, ProblemCode::Contradiction, message);
    }
    Some(Hold { from: from?, until })
}
