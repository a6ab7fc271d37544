use serde_json::Value;

use super::{
    at::{self, At},
    object::Object,
    rule::clauses,
};
use crate::flag::{
    key::SegmentKey,
    model::{Segment, SegmentRule},
    place::Place,
    problem::Problems,
};

/// Reads a definition, with all problems of its form.
pub(in crate::flag) fn segment(definition: &Value, problems: &mut Problems) -> Segment {
    let at = At {
        value: definition,
        place: Place::Root,
    };
    let p = problems;
    Object::read(at, p, |object, p| Segment {
        key: object
            .required("key", at::parsed, p)
            .unwrap_or_else(SegmentKey::placeholder),
        name: object.required("name", at::text, p),
        description: object.text("description", p),
        included: object
            .optional("included", at::texts, p)
            .unwrap_or_default(),
        excluded: object
            .optional("excluded", at::texts, p)
            .unwrap_or_default(),
        rules: object
            .optional("rules", |at, p| at.list(rule, p), p)
            .unwrap_or_default(),
        tags: object.optional("tags", at::texts, p).unwrap_or_default(),
        created_at: object.parsed("created_at", at::instant, p),
        updated_at: object.parsed("updated_at", at::instant, p),
        context_kind: object.optional("context_kind", at::text, p),
    })
}

fn rule(at: At<'_>, p: &mut Problems) -> SegmentRule {
    Object::read(at, p, |object, p| SegmentRule {
        id: object.id(p),
        description: object.text("description", p),
        clauses: object.optional("clauses", clauses, p).unwrap_or_default(),
        weight: object.optional("weight", at::weight, p),
        bucket_by: object.optional("bucket_by", at::text, p),
    })
}
