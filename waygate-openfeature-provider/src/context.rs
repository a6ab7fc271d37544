use std::{any::Any, cell::Cell, collections::HashMap};

use open_feature::{EvaluationContext, EvaluationContextFieldValue, StructValue};
use serde_json::{Map, Value};
use waygate_core::{
    Timestamp,
    flag::{self, AttributeName, AttributeValue, Context},
};

use crate::convert::to_json;

/// A context of the SDK, read in place.
pub(crate) struct Borrowed<'a> {
    context: &'a EvaluationContext,
    /// The structures that had to be copied.
    copied: HashMap<&'a str, Value>,
    /// `true` if a rule has asked for a structure of an unknown type.
    is_unreadable: Cell<bool>,
}

impl<'a> Borrowed<'a> {
    pub(crate) fn new(context: &'a EvaluationContext) -> Self {
        let fields = context.custom_fields.iter();
        let copied = fields.filter_map(|(name, value)| match value {
            EvaluationContextFieldValue::Struct(structure) => Some((&**name, copy(&**structure)?)),
            _ => None,
        });
        Self {
            context,
            copied: copied.collect(),
            is_unreadable: Cell::new(false),
        }
    }

    pub(crate) fn is_unreadable(&self) -> bool {
        self.is_unreadable.get()
    }

    /// Returns the context of another kind: the field of its name, if it is a context of Waygate.
    fn of_kind(&self, kind: &str) -> Option<&flag::EvaluationContext> {
        match self.context.custom_fields.get(kind)? {
            EvaluationContextFieldValue::Struct(structure) => structure.downcast_ref(),
            _ => None,
        }
    }

    fn structure<'s>(
        &'s self,
        name: &str,
        structure: &'s (dyn Any + Send + Sync),
    ) -> Option<AttributeValue<'s>> {
        if let Some(copied) = self.copied.get(name) {
            return Some(copied.into());
        }
        let json = structure.downcast_ref::<Value>();
        // A context of another kind is no attribute.
        let is_known = json.is_some() || structure.is::<flag::EvaluationContext>();
        self.is_unreadable
            .set(self.is_unreadable.get() || !is_known);
        json.map(AttributeValue::from)
    }
}

/// Copies a structure that has to be.
fn copy(structure: &(dyn Any + Send + Sync)) -> Option<Value> {
    if let Some(structure) = structure.downcast_ref::<StructValue>() {
        return Some(to_json(structure));
    }
    let map = structure.downcast_ref::<HashMap<String, Value>>()?;
    let members = map
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    Some(Value::Object(Map::from_iter(members)))
}

const PRIMARY: &str = flag::EvaluationContext::DEFAULT_KIND;

impl Context for Borrowed<'_> {
    fn key(&self, kind: Option<&str>) -> Option<&str> {
        match kind {
            None | Some(PRIMARY) => self.context.targeting_key.as_deref(),
            Some(kind) => self.of_kind(kind)?.targeting_key(),
        }
    }

    fn attribute(&self, kind: Option<&str>, name: &AttributeName) -> Option<AttributeValue<'_>> {
        if let Some(kind) = kind.filter(|kind| *kind != PRIMARY) {
            return self.of_kind(kind)?.attribute(None, name);
        }
        let name = name.as_str();
        match self.context.custom_fields.get(name)? {
            EvaluationContextFieldValue::Bool(value) => Some((*value).into()),
            EvaluationContextFieldValue::Int(value) => Some((*value).into()),
            EvaluationContextFieldValue::Float(value) => Some((*value).into()),
            EvaluationContextFieldValue::String(value) => Some(value.into()),
            EvaluationContextFieldValue::DateTime(time) => {
                let time = Timestamp::from_nanosecond(time.unix_timestamp_nanos());
                time.ok().map(AttributeValue::Instant)
            }
            EvaluationContextFieldValue::Struct(value) => self.structure(name, &**value),
        }
    }
}
