use super::{attribute::AttributePath, options::CompileOptions};
use crate::flag::{
    context::{AttributeValue, Context},
    hash::{Bucketer, HashAlgorithm},
    model::{Flag, Rule, WeightedVariation},
    operand::Buffer,
    outcome::ErrorCode,
};

/// The result of a rule or of the fallthrough.
#[derive(Debug)]
pub(crate) enum Choice {
    Fixed(u16),
    Split(Split),
}

/// The part of a context that has a bucket.
#[derive(Debug)]
pub(crate) struct BucketBy {
    kind: Option<Box<str>>,
    /// `None` is the key.
    attribute: Option<AttributePath>,
}

impl BucketBy {
    pub(super) fn new(
        kind: Option<&str>,
        attribute: Option<&str>,
        options: CompileOptions,
    ) -> Self {
        let attribute = attribute.filter(|name| !matches!(*name, "key" | "targetingKey"));
        let parse = |name| AttributePath::parse(name, options.is_python());
        Self {
            kind: kind.map(Box::from),
            attribute: attribute.map(parse),
        }
    }

    /// Returns the bucket of a context. `see` gets the value.
    pub(crate) fn bucket<C: Context + ?Sized>(
        &self,
        bucketer: &Bucketer,
        context: &C,
        see: impl FnOnce(&str),
    ) -> Result<u32, ErrorCode> {
        let kind = self.kind.as_deref();
        let bucket = |value: &str| {
            see(value);
            bucketer.bucket(kind.unwrap_or_else(|| context.kind()), value)
        };
        match &self.attribute {
            None => match context.key(kind) {
                Some(key) => Ok(bucket(key)),
                None => Err(ErrorCode::TargetingKeyMissing),
            },
            Some(attribute) => match attribute.read(context, kind) {
                Some(AttributeValue::String(text)) => Ok(bucket(text)),
                Some(value) => {
                    let mut buffer = Buffer::new();
                    let text = buffer.bucketed(value);
                    text.map(bucket).ok_or(ErrorCode::InvalidContext)
                }
                None => Err(ErrorCode::InvalidContext),
            },
        }
    }
}

/// Variations by bucket.
#[derive(Debug)]
pub(crate) struct Split {
    pub(crate) bucketer: Bucketer,
    pub(crate) by: BucketBy,
    /// The first bucket after each part, and its variation.
    pub(crate) parts: Box<[(u32, u16)]>,
}

impl Split {
    /// Returns the variation of a bucket: beyond the last part that of the last (wire contract, section 9). `None`
    /// without parts.
    pub(crate) fn variation(&self, bucket: u32) -> Option<u16> {
        let part = self.parts.iter().find(|(end, _)| bucket < *end);
        part.or(self.parts.last()).map(|(_, variation)| *variation)
    }
}

/// Returns the ends of parts.
pub(super) fn parts<'f>(
    rollout: &'f [WeightedVariation],
    mut variation: impl FnMut(&'f str) -> u16,
) -> Box<[(u32, u16)]> {
    let mut end = 0_u32;
    let part = |part: &'f WeightedVariation| {
        end = end.saturating_add(part.weight);
        (end, variation(&part.variation))
    };
    rollout.iter().map(part).collect()
}

/// Returns the hash of a flag, with its seed, or that of a rule.
pub(super) fn bucketer(flag: &Flag, rule: Option<&Rule>, options: CompileOptions) -> Bucketer {
    let seed = rule.and_then(|rule| rule.seed.as_deref());
    let seed = seed.or(flag.seed.as_deref());
    Bucketer::new(
        flag.hash.unwrap_or(options.hash),
        seed.unwrap_or(flag.key.as_str()),
    )
}

/// Returns what has the bucket of a flag, or of a rule.
pub(super) fn bucket_by(flag: &Flag, rule: Option<&Rule>, options: CompileOptions) -> BucketBy {
    let kind = rule.and_then(|rule| rule.context_kind.as_deref());
    let attribute = rule.and_then(|rule| rule.bucket_by.as_deref());
    BucketBy::new(
        kind.or(flag.context_kind.as_deref()),
        attribute.or(flag.bucket_by.as_deref()),
        options,
    )
}

/// A range of buckets of a layer or a holdout.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) bucketer: Bucketer,
    pub(crate) by: BucketBy,
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Gate {
    /// Creates a gate with its own buckets: the seed has the kind of the gate, such as `layer`, so that a layer, a holdout
    /// and a flag of one name are independent.
    pub(super) fn new(of: &str, name: &str, from: u32, to: u32, by: BucketBy) -> Self {
        // No text of a definition has this character.
        let seed = format!("{of}\u{1f}{name}");
        Self {
            // Not the hash of the flag: all flags of a layer need the same.
            bucketer: Bucketer::new(HashAlgorithm::Murmur3V1, &seed),
            by,
            from,
            to,
        }
    }

    /// Returns whether the gate has a bucket.
    pub(crate) fn has(&self, bucket: u32) -> bool {
        (self.from..self.to).contains(&bucket)
    }
}
