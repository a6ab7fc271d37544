//! Flags of one layer: they share what has the bucket, and no bucket is of two of them.

use crate::flag::{
    model::{Flag, LayerRange},
    problem::{ProblemCode, Problems},
};

/// Checks a flag against another one of its layer.
pub(super) fn pair(flag: &Flag, other: &Flag, problems: &mut Problems) {
    let (Some(own), Some(its)) = (&flag.layer, &other.layer) else {
        return;
    };
    if own.layer != its.layer {
        return;
    }
    overlap(own, its, other, problems);
    let shares = [
        ("bucket_by", bucket_by(flag), bucket_by(other)),
        ("context_kind", kind(flag), kind(other)),
    ];
    for (member, own, its) in shares {
        if own != its {
            let message = format!(
                "all flags of the layer `{}` need the same `{member}`, or they are not exclusive: here it is {}, in \
                 the flag `{}` {}",
                flag.layer.as_ref().map_or("", |layer| &layer.layer),
                shown(own),
                other.key,
                shown(its),
            );
            problems.push(format!("/{member}"), ProblemCode::Contradiction, message);
        }
    }
}

fn overlap(own: &LayerRange, its: &LayerRange, other: &Flag, problems: &mut Problems) {
    if own.from < its.to && its.from < own.to {
        let message = format!(
            "the flag `{}` has the buckets {} to {} of the layer `{}`",
            other.key, its.from, its.to, its.layer
        );
        problems.push("/layer", ProblemCode::Overlap, message);
    }
}

/// The attribute that has the bucket; `None` is the key.
fn bucket_by(flag: &Flag) -> Option<&str> {
    let name = flag.bucket_by.as_deref();
    name.filter(|name| !matches!(*name, "key" | "targetingKey"))
}

fn kind(flag: &Flag) -> Option<&str> {
    flag.context_kind.as_deref()
}

fn shown(name: Option<&str>) -> String {
    name.map_or_else(|| "not set".to_owned(), |name| format!("`{name}`"))
}
