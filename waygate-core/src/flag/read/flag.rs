use serde_json::Value;

use super::{
    at::{self, At},
    object::Object,
    progressive::progressive,
    rule::{rule, serve},
    schedule::scheduled_change,
};
use crate::flag::{
    key::FlagKey,
    model::{
        ContextTargets, Flag, FlagType, Holdout, LayerRange, Prerequisite, Targets, Variation,
    },
    place::Place,
    problem::{ProblemCode, Problems},
};

/// Reads a definition, with all problems of its form.
pub(in crate::flag) fn flag(definition: &Value, problems: &mut Problems) -> Flag {
    let at = At {
        value: definition,
        place: Place::Root,
    };
    Object::read(at, problems, |object, p| {
        let key = object.required("key", at::parsed, p);
        let value_type = object.required("type", at::parsed, p);
        let empty = Flag::new(
            key.unwrap_or_else(FlagKey::placeholder),
            value_type.unwrap_or(FlagType::Json),
        );
        Flag {
            name: object.required("name", at::text, p),
            description: object.text("description", p),
            tags: object.optional("tags", at::texts, p).unwrap_or_default(),
            variations: object.required("variations", |at, p| at.list(variation, p), p),
            off_variation: object.required("off_variation", at::text, p),
            fallthrough: object
                .required("fallthrough", |at, p| Some(serve(at, p)), p)
                .unwrap_or(empty.fallthrough),
            enabled: object
                .optional("enabled", at::flag, p)
                .unwrap_or(empty.enabled),
            prerequisites: object
                .optional("prerequisites", |at, p| at.list(prerequisite, p), p)
                .unwrap_or_default(),
            targets: object.optional("targets", targets, p).unwrap_or_default(),
            rules: object
                .optional("rules", |at, p| at.list(rule, p), p)
                .unwrap_or_default(),
            scheduled_changes: object
                .optional("scheduled_changes", |at, p| at.list(scheduled_change, p), p)
                .unwrap_or_default(),
            status: object
                .parsed("status", at::parsed, p)
                .unwrap_or(empty.status),
            temporary: object
                .optional("temporary", at::flag, p)
                .unwrap_or(empty.temporary),
            maintainer: object.optional("maintainer", at::text, p),
            created_at: object.parsed("created_at", at::instant, p),
            updated_at: object.parsed("updated_at", at::instant, p),
            created_by: object
                .optional("created_by", at::text, p)
                .unwrap_or(empty.created_by),
            hash: object.parsed("hash", at::parsed, p),
            seed: object.optional("seed", at::text, p),
            bucket_by: object.optional("bucket_by", at::text, p),
            context_kind: object.optional("context_kind", at::text, p),
            context_targets: object
                .optional("context_targets", |at, p| at.list(context_targets, p), p)
                .unwrap_or_default(),
            layer: object.optional("layer", layer, p),
            holdout: object.optional("holdout", holdout, p),
            progressive: object.parsed("progressive", progressive, p),
            expires_at: object.parsed("expires_at", at::instant, p),
            client_visible: object
                .optional("client_visible", at::flag, p)
                .unwrap_or_default(),
            key: empty.key,
            value_type: empty.value_type,
        }
    })
}

fn variation(at: At<'_>, p: &mut Problems) -> Variation {
    Object::read(at, p, |object, p| Variation {
        name: object.required("name", at::text, p),
        value: object.required("value", value, p),
        description: object.text("description", p),
    })
}

fn value(at: At<'_>, p: &mut Problems) -> Value {
    if at.value.is_null() {
        let message = "expected a value of the flag's type, found null";
        p.add(at.place, ProblemCode::WrongValueType, message);
    }
    at.value.clone()
}

fn prerequisite(at: At<'_>, p: &mut Problems) -> Prerequisite {
    Object::read(at, p, |object, p| Prerequisite {
        flag_key: object
            .required("flag_key", at::parsed, p)
            .unwrap_or_else(FlagKey::placeholder),
        variation: object.required("variation", at::text, p),
    })
}

fn targets(at: At<'_>, p: &mut Problems) -> Targets {
    let Value::Object(members) = at.value else {
        at.wrong("an object from variations to lists of keys", p);
        return Targets::default();
    };
    let read = |(variation, value): (&String, _)| {
        let place = Place::Member(&at.place, variation);
        (variation.clone(), at::texts(At { value, place }, p))
    };
    Targets(members.iter().map(read).collect())
}

fn context_targets(at: At<'_>, p: &mut Problems) -> ContextTargets {
    Object::read(at, p, |object, p| ContextTargets {
        context_kind: object.required("context_kind", at::text, p),
        variation: object.required("variation", at::text, p),
        values: object.required("values", at::texts, p),
    })
}

fn layer(at: At<'_>, p: &mut Problems) -> LayerRange {
    Object::read(at, p, |object, p| LayerRange {
        layer: object.required("layer", at::text, p),
        from: object.required("from", at::weight, p),
        to: object.required("to", at::weight, p),
    })
}

fn holdout(at: At<'_>, p: &mut Problems) -> Holdout {
    Object::read(at, p, |object, p| Holdout {
        name: object.required("name", at::text, p),
        weight: object.required("weight", at::weight, p),
    })
}
