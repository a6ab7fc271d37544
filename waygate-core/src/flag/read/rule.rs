use serde_json::Value;

use super::{
    at::{self, At},
    object::Object,
};
use crate::flag::{
    model::{Clause, Operator, Rule, Serve, WeightedVariation},
    place::Place,
    problem::Problems,
};

/// Reads a rule that is a part of something else.
pub(in crate::flag) fn read_rule(value: &Value, place: Place<'_>, p: &mut Problems) -> Rule {
    rule(At { value, place }, p)
}

/// Reads a result that is a part of something else.
pub(in crate::flag) fn read_serve(value: &Value, place: Place<'_>, p: &mut Problems) -> Serve {
    serve(At { value, place }, p)
}

pub(super) fn serve(at: At<'_>, p: &mut Problems) -> Serve {
    match at.value {
        Value::String(name) => Serve::Variation(name.clone()),
        Value::Array(_) => Serve::Rollout(rollout(at, p)),
        _ => {
            at.wrong(
                "the name of a variation, or a list of variations with weights",
                p,
            );
            Serve::Rollout(Vec::new())
        }
    }
}

pub(super) fn rollout(at: At<'_>, p: &mut Problems) -> Vec<WeightedVariation> {
    at.list(weighted, p)
}

fn weighted(at: At<'_>, p: &mut Problems) -> WeightedVariation {
    Object::read(at, p, |object, p| WeightedVariation {
        variation: object.required("variation", at::text, p),
        weight: object.required("weight", at::weight, p),
    })
}

pub(super) fn rule(at: At<'_>, p: &mut Problems) -> Rule {
    Object::read(at, p, |object, p| Rule {
        id: object.id(p),
        description: object.text("description", p),
        clauses: object.optional("clauses", clauses, p).unwrap_or_default(),
        variation: object.optional("variation", at::text, p),
        rollout: object.optional("rollout", rollout, p),
        track_events: object
            .optional("track_events", at::flag, p)
            .unwrap_or(false),
        bucket_by: object.optional("bucket_by", at::text, p),
        context_kind: object.optional("context_kind", at::text, p),
        seed: object.optional("seed", at::text, p),
    })
}

pub(super) fn clauses(at: At<'_>, p: &mut Problems) -> Vec<Clause> {
    at.list(clause, p)
}

fn clause(at: At<'_>, p: &mut Problems) -> Clause {
    Object::read(at, p, |object, p| Clause {
        attribute: object.required("attribute", at::text, p),
        operator: object
            .required("operator", at::parsed, p)
            .unwrap_or(Operator::Is),
        values: object.required("values", at::values, p),
        negate: object.optional("negate", at::flag, p).unwrap_or(false),
        ignore_case: object.optional("ignore_case", at::flag, p).unwrap_or(false),
        context_kind: object.optional("context_kind", at::text, p),
    })
}
