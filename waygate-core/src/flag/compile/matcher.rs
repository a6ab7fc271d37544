use std::{cmp::Ordering, net::IpAddr};

use ipnet::IpNet;
use jiff::Timestamp;
use regex::Regex;
use serde_json::Value;

use super::one_of::OneOf;
use crate::flag::{
    context::AttributeValue,
    key::SegmentKey,
    operand::{Buffer, Number, Version, ends_with, moment, starts_with},
};

/// The comparison of a clause with its operands, without `not` and `negate`.
#[derive(Debug)]
pub(crate) enum Matcher {
    OneOf(OneOf),
    Contains(Box<[Box<str>]>),
    /// Folded if `fold`.
    StartsWith {
        values: Box<[Box<str>]>,
        fold: bool,
    },
    /// Folded if `fold`.
    EndsWith {
        values: Box<[Box<str>]>,
        fold: bool,
    },
    Regex(Box<[Regex]>),
    Number {
        test: Test,
        values: Box<[Number]>,
    },
    Moment {
        test: Test,
        values: Box<[Timestamp]>,
    },
    /// The point in time, if it is one, and the text.
    PythonMoment {
        test: Test,
        values: Box<[(Option<Timestamp>, Box<str>)]>,
    },
    Version {
        test: Test,
        values: Box<[Version<'static>]>,
    },
    Cidr(Box<[IpNet]>),
    IsSet,
    Segments(Box<[SegmentKey]>),
}

/// A comparison by order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Test {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Test {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Matcher {
    /// Returns whether an attribute satisfies the clause: any element of a list, unless `python`.
    pub(super) fn accepts(&self, value: AttributeValue<'_>, python: bool) -> bool {
        if python {
            return self.accepts_one(value, python);
        }
        match value {
            AttributeValue::Strings(texts) => {
                let one = |text: &String| self.accepts_one(text.into(), false);
                self.accepts_one(value, false) || texts.iter().any(one)
            }
            AttributeValue::Json(Value::Array(items)) => {
                let one = |item: &Value| self.accepts_one(item.into(), false);
                self.accepts_one(value, false) || items.iter().any(one)
            }
            _ => self.accepts_one(value, false),
        }
    }

    fn accepts_one(&self, value: AttributeValue<'_>, python: bool) -> bool {
        match self {
            Self::OneOf(values) => return values.has(value),
            Self::IsSet => return true,
            Self::Segments(_) => return false,
            Self::Number { test, values } => {
                let Some(number) = Number::of(value, python) else {
                    return false;
                };
                let holds = |order| test.holds(order);
                let mut orders = values.iter().map(|other| number.compare(*other));
                return orders.any(|order| order.is_some_and(holds));
            }
            Self::Moment { test, values } => {
                let Some(moment) = moment(value, true) else {
                    return false;
                };
                return values.iter().any(|other| test.holds(moment.cmp(other)));
            }
            _ => {}
        }
        if let AttributeValue::String(text) = value {
            return self.accepts_text(text);
        }
        let mut buffer = Buffer::new();
        let text = buffer.text(value, python);
        text.is_some_and(|text| self.accepts_text(text))
    }

    fn accepts_text(&self, text: &str) -> bool {
        match self {
            Self::Contains(values) => values.iter().any(|value| text.contains(&**value)),
            Self::StartsWith { values, fold: true } => {
                values.iter().any(|value| starts_with(text, value))
            }
            Self::StartsWith { values, .. } => {
                values.iter().any(|value| text.starts_with(&**value))
            }
            Self::EndsWith { values, fold: true } => {
                values.iter().any(|value| ends_with(text, value))
            }
            Self::EndsWith { values, .. } => values.iter().any(|value| text.ends_with(&**value)),
            Self::Regex(patterns) => patterns.iter().any(|pattern| pattern.is_match(text)),
            Self::PythonMoment { test, values } => {
                let this = moment(text.into(), false);
                values.iter().any(|(other, other_text)| {
                    test.holds(match (this, other) {
                        (Some(this), Some(other)) => this.cmp(other),
                        _ => text.cmp(other_text),
                    })
                })
            }
            Self::Version { test, values } => Version::parse(text).is_some_and(|this| {
                let mut others = values.iter();
                others.any(|other| test.holds(this.compare(other)))
            }),
            Self::Cidr(networks) => text.parse::<IpAddr>().is_ok_and(|address| {
                let address = address.to_canonical();
                networks.iter().any(|network| network.contains(&address))
            }),
            _ => false,
        }
    }
}
