//! Flags of one layer: they share what has the bucket, and no bucket is of two of them.

use std::collections::HashMap;

use crate::flag::{
    model::{Flag, LayerRange},
    problem::ProblemCode,
};

/// The members of each layer.
pub(super) struct Layers<'a>(HashMap<&'a str, Layer<'a>>);

/// What a flag of a layer does not share with another one.
pub(super) struct Conflict {
    /// The position of the other flag.
    pub(super) at: usize,
    pub(super) pointer: &'static str,
    pub(super) code: ProblemCode,
    pub(super) message: String,
}

#[derive(Default)]
struct Layer<'a> {
    /// Sorted by the first bucket.
    members: Vec<Member<'a>>,
    /// The end of the last bucket of the members up to each.
    reach: Vec<u32>,
    bucket_by: Values<'a>,
    context_kind: Values<'a>,
}

#[derive(Clone, Copy)]
struct Member<'a> {
    at: usize,
    flag: &'a Flag,
    range: &'a LayerRange,
}

impl<'a> Layers<'a> {
    /// Reads flags in an order.
    pub(super) fn of(flags: &[&'a Flag]) -> Self {
        let mut layers: HashMap<&str, Layer<'a>> = HashMap::new();
        for (at, flag) in flags.iter().copied().enumerate() {
            if let Some(range) = &flag.layer {
                let layer = layers.entry(&range.layer).or_default();
                layer.insert(Member { at, flag, range });
            }
        }
        layers.values_mut().for_each(Layer::sort);
        Self(layers)
    }

    /// Compares a flag with the other ones of its layer, in their order: the nearest that overlap on both sides, and the
    /// first with another attribute or kind of context.
    pub(super) fn conflicts(&self, flag: &Flag) -> Vec<Conflict> {
        let range = flag.layer.as_ref();
        let layer = range.and_then(|range| Some((range, self.0.get(&*range.layer)?)));
        let Some((range, layer)) = layer else {
            return Vec::new();
        };
        let mut found: Vec<Conflict> = layer.overlaps(flag, range).map(overlap).collect();
        let values = [
            ("/bucket_by", &layer.bucket_by, bucket_by(flag)),
            ("/context_kind", &layer.context_kind, kind(flag)),
        ];
        for (pointer, values, own) in values {
            let other = values.other_than(own, flag);
            found.extend(other.map(|(its, of)| difference(pointer, range, own, its, of)));
        }
        found.sort_by_key(|conflict| conflict.at);
        found
    }
}

impl<'a> Layer<'a> {
    fn insert(&mut self, member: Member<'a>) {
        self.bucket_by.insert(bucket_by(member.flag), member);
        self.context_kind.insert(kind(member.flag), member);
        self.members.push(member);
    }

    fn sort(&mut self) {
        self.members.sort_by_key(|member| member.range.from);
        let mut reach = 0;
        self.reach = Vec::with_capacity(self.members.len());
        for member in &self.members {
            reach = reach.max(member.range.to);
            self.reach.push(reach);
        }
    }

    /// Returns the nearest members that overlap a range: one that starts before it, and one that starts within it.
    fn overlaps(&self, flag: &Flag, range: &LayerRange) -> impl Iterator<Item = Member<'a>> {
        let hits = |member: &Member<'a>| {
            let its = member.range;
            range.from < its.to && its.from < range.to && member.flag.key != flag.key
        };
        let start = self
            .members
            .partition_point(|member| member.range.from < range.from);
        let (before, after) = self.members.split_at(start);
        let reaching = before.iter().zip(&self.reach).rev();
        let mut reaching = reaching.take_while(|(_, reach)| range.from < **reach);
        let before = reaching.find(|(member, _)| hits(member));
        let mut within = after
            .iter()
            .take_while(|member| member.range.from < range.to);
        let found = [
            before.map(|(member, _)| *member),
            within.find(|member| hits(member)).copied(),
        ];
        found.into_iter().flatten()
    }
}

/// The different values of an attribute in a layer, in the order of their first members. The second member is there for
/// a flag that is the first.
#[derive(Default)]
struct Values<'a> {
    known: HashMap<Option<&'a str>, usize>,
    values: Vec<(Option<&'a str>, Member<'a>, Option<Member<'a>>)>,
}

impl<'a> Values<'a> {
    fn insert(&mut self, value: Option<&'a str>, member: Member<'a>) {
        let next = self.values.len();
        let known = self.known.entry(value).or_insert(next);
        match self.values.get_mut(*known) {
            Some((_, _, second)) => *second = second.or(Some(member)),
            None => self.values.push((value, member, None)),
        }
    }

    /// Returns the first member with another value, besides the flag itself.
    fn other_than(&self, own: Option<&str>, flag: &Flag) -> Option<(Option<&'a str>, Member<'a>)> {
        let others = self.values.iter().filter(|(value, ..)| *value != own);
        let firsts = others.filter_map(|(value, first, second)| {
            let other = match first.flag.key == flag.key {
                true => *second,
                false => Some(*first),
            };
            Some((*value, other?))
        });
        // Without the flag itself, a value can come behind the next one, and no further.
        firsts.take(2).min_by_key(|(_, member)| member.at)
    }
}

fn overlap(other: Member<'_>) -> Conflict {
    let its = other.range;
    Conflict {
        at: other.at,
        pointer: "/layer",
        code: ProblemCode::Overlap,
        message: format!(
            "the flag `{}` has the buckets {} to {} of the layer `{}`",
            other.flag.key, its.from, its.to, its.layer
        ),
    }
}

fn difference(
    pointer: &'static str,
    range: &LayerRange,
    own: Option<&str>,
    its: Option<&str>,
    other: Member<'_>,
) -> Conflict {
    Conflict {
        at: other.at,
        pointer,
        code: ProblemCode::Contradiction,
        message: format!(
            "all flags of the layer `{}` need the same `{}`, or they are not exclusive: here it is {}, in the flag `{}` \
             {}",
            range.layer,
            pointer.trim_start_matches('/'),
            shown(own),
            other.flag.key,
            shown(its),
        ),
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
