use serde_json::Value;

use crate::flag::{
    context::AttributeValue,
    map::Map,
    operand::{compare_folded, equal, folded},
};

/// The operands of an equality.
#[derive(Debug)]
pub(crate) struct OneOf {
    texts: Texts,
    others: Box<[Value]>,
    booleans: bool,
}

#[derive(Debug)]
enum Texts {
    Few(Box<[Box<str>]>),
    Many(Map<Box<str>, ()>),
    /// Sorted.
    Folded(Box<[Box<str>]>),
}

/// Lists up to here are searched faster than hashed.
const FEW: usize = 6;

impl OneOf {
    /// `booleans`: whether `true` equals 1.
    pub(super) fn new(values: &[Value], ignore_case: bool, booleans: bool) -> Self {
        let texts = values.iter().filter_map(Value::as_str);
        let others = values.iter().filter(|value| !value.is_string());
        Self {
            texts: match ignore_case {
                true => {
                    let mut texts: Vec<Box<str>> = texts.map(folded).collect();
                    texts.sort_unstable();
                    Texts::Folded(texts.into())
                }
                false if values.len() <= FEW => Texts::Few(texts.map(Box::from).collect()),
                false => Texts::Many(texts.map(|text| (text.into(), ())).collect()),
            },
            others: others.cloned().collect(),
            booleans,
        }
    }

    pub(super) fn has(&self, value: AttributeValue<'_>) -> bool {
        match value {
            AttributeValue::String(text) => self.texts.has(text),
            _ => {
                let mut others = self.others.iter();
                others.any(|other| equal(value, other, self.booleans))
            }
        }
    }
}

impl Texts {
    fn has(&self, text: &str) -> bool {
        match self {
            Self::Few(texts) => texts.iter().any(|other| **other == *text),
            Self::Many(texts) => texts.contains_key(text),
            Self::Folded(texts) => {
                let found = texts.binary_search_by(|other| compare_folded(text, other).reverse());
                found.is_ok()
            }
        }
    }
}
