use serde_json::Value;

use crate::flag::context::{AttributeName, AttributeValue, Context};

/// A reference to an attribute of a context, or to a part of one.
#[derive(Debug)]
pub(crate) struct AttributePath {
    name: AttributeName,
    /// The names and positions below it.
    rest: Box<[Box<str>]>,
    built_in: BuiltIn,
}

/// Attributes that every context has, unless it has one of this name itself.
#[derive(Debug, Clone, Copy)]
enum BuiltIn {
    None,
    Key,
    Kind,
}

impl AttributePath {
    /// Reads a name, or a reference in the form of a JSON pointer if it starts with `/`.
    pub(crate) fn parse(text: &str, literal: bool) -> Self {
        let (name, rest) = match text.strip_prefix('/') {
            Some(pointer) if !literal => {
                let mut names = pointer
                    .split('/')
                    .map(|name| name.replace("~1", "/").replace("~0", "~"));
                let first = names.next().unwrap_or_default();
                (first, names.map(String::into_boxed_str).collect())
            }
            _ => (text.to_owned(), Box::default()),
        };
        Self {
            built_in: match name.as_str() {
                "key" => BuiltIn::Key,
                "targetingKey" if !literal => BuiltIn::Key,
                "kind" => BuiltIn::Kind,
                _ => BuiltIn::None,
            },
            name: AttributeName::new(&name),
            rest,
        }
    }

    /// Returns the attribute; `null` is none.
    pub(crate) fn read<'c, C: Context + ?Sized>(
        &self,
        context: &'c C,
        kind: Option<&str>,
    ) -> Option<AttributeValue<'c>> {
        let whole = context
            .attribute(kind, &self.name)
            .or_else(|| match self.built_in {
                BuiltIn::None => None,
                BuiltIn::Key => context.key(kind).map(AttributeValue::String),
                BuiltIn::Kind => Some(AttributeValue::String(context.kind())),
            })?;
        let value = match (&*self.rest, whole) {
            ([], whole) => whole,
            (rest, AttributeValue::Json(json)) => {
                let step = |value: &'c Value, name: &str| match value {
                    Value::Object(members) => members.get(name),
                    Value::Array(items) => items.get(name.parse::<usize>().ok()?),
                    _ => None,
                };
                let mut names = rest.iter().map(|name| &**name);
                names.try_fold(json, step)?.into()
            }
            ([index], AttributeValue::Strings(texts)) => {
                let index: usize = index.parse().ok()?;
                texts.get(index)?.into()
            }
            _ => return None,
        };
        (!matches!(value, AttributeValue::Json(Value::Null))).then_some(value)
    }
}
