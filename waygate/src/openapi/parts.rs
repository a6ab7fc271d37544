//! The document, split once so that assembling it is cheap.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use waygate_core::grammar::Method;

use super::{
    json::{Member, head},
    prune::{Numbers, Uses, entries_of},
};

/// The member of the root that groups tags, for several documentation tools.
pub(super) const TAG_GROUPS: &str = "x-tagGroups";

/// A document in serialized parts with the components that they use.
#[derive(Debug)]
pub(super) struct Parts {
    /// The members of the root that are always shown unchanged.
    pub(super) root: Vec<Member>,
    pub(super) info: Vec<Member>,
    pub(super) items: Vec<PathItem>,
    /// The members of `paths` that are not path items.
    pub(super) other_paths: Vec<Member>,
    /// The tags in the root.
    pub(super) tags: Vec<Tag>,
    /// `x-tagGroups`, which groups tags for documentation tools.
    pub(super) tag_groups: Vec<Value>,
    /// The tags of all operations.
    pub(super) used_tags: BTreeSet<Box<str>>,
    pub(super) components: Vec<Kind>,
    /// The members of `components` that are not kinds of components.
    pub(super) other_components: Vec<Member>,
    /// The components used outside path items and components.
    pub(super) uses: Uses,
    /// The approximate size of the document.
    pub(super) bytes: usize,
}

/// The item of one path.
#[derive(Debug)]
pub(super) struct PathItem {
    pub(super) path: Box<str>,
    pub(super) head: Box<str>,
    /// All members except the operations.
    pub(super) rest: Vec<Member>,
    pub(super) uses: Uses,
    pub(super) operations: Vec<Operation>,
}

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) head: Box<str>,
    pub(super) members: Vec<Member>,
    /// The members of the member `responses`.
    pub(super) responses: Vec<Member>,
    pub(super) summary: Box<str>,
    pub(super) description: Box<str>,
    pub(super) tags: Vec<Box<str>>,
    pub(super) uses: Uses,
}

/// A tag in the root.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) name: Box<str>,
    pub(super) text: Box<str>,
    /// `true` if any operation has it.
    pub(super) used: bool,
}

/// The components of one kind, such as `schemas`.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) head: Box<str>,
    pub(super) entries: Vec<Component>,
}

/// One component; its number is its index among all.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) member: Member,
    pub(super) uses: Uses,
}

impl Parts {
    /// Splits a document. An invalid document counts as an empty one.
    pub(super) fn split(document: Value) -> Self {
        let bytes = document.to_string().len();
        let mut root = match document {
            Value::Object(root) => root,
            _ => Map::from_iter([
                ("openapi".to_owned(), json!("3.1.0")),
                ("info".to_owned(), json!({"title": "", "version": ""})),
            ]),
        };
        let mut take = |name: &str| match root.remove(name) {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        let (info, paths, components) = (take("info"), take("paths"), take("components"));
        let numbers = Numbers::of(&components);
        let (mut items, mut other_paths) = (Vec::new(), Map::new());
        for (path, item) in paths {
            match item {
                Value::Object(item) if path.starts_with('/') => {
                    items.push(PathItem::split(&path, item, &numbers));
                }
                other => {
                    other_paths.insert(path, other);
                }
            }
        }
        let mut list = |name: &str| match root.remove(name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        let (tags, tag_groups) = (list("tags"), list(TAG_GROUPS));
        let operations = items.iter().flat_map(|item| &item.operations);
        let used_tags = operations.flat_map(|operation| operation.tags.clone());
        let used_tags = used_tags.collect();
        let (mut kinds, mut other_components) = (Vec::new(), Map::new());
        for (kind, entries) in &components {
            match entries_of(kind, entries) {
                Some(entries) => kinds.push(Kind::split(kind, entries, &numbers)),
                None => {
                    other_components.insert(kind.clone(), entries.clone());
                }
            }
        }
        let outside = json!([root, info, other_paths, other_components]);
        Self {
            uses: numbers.uses(&outside),
            root: Member::all(&root),
            info: Member::all(&info),
            other_paths: Member::all(&other_paths),
            other_components: Member::all(&other_components),
            components: kinds,
            items,
            tags: split_tags(&tags, &used_tags),
            tag_groups,
            used_tags,
            bytes,
        }
    }
}

impl PathItem {
    fn split(path: &str, item: Map<String, Value>, numbers: &Numbers<'_>) -> Self {
        let (mut operations, mut rest) = (Vec::new(), Map::new());
        for (name, value) in item {
            match (method(&name), value) {
                (Some(method), Value::Object(operation)) => {
                    operations.push(Operation::split(method, &name, operation, numbers));
                }
                (_, value) => {
                    rest.insert(name, value);
                }
            }
        }
        Self {
            path: path.into(),
            head: head(path).into(),
            rest: Member::all(&rest),
            uses: numbers.uses(&Value::Object(rest)),
            operations,
        }
    }
}

impl Operation {
    fn split(
        method: Method,
        name: &str,
        operation: Map<String, Value>,
        numbers: &Numbers<'_>,
    ) -> Self {
        let text = |name: &str| operation.get(name).and_then(Value::as_str).map(Box::from);
        let tags = operation.get("tags").and_then(Value::as_array);
        let responses = operation.get("responses").and_then(Value::as_object);
        Self {
            method,
            head: head(name).into(),
            members: Member::all(&operation),
            responses: responses.map(Member::all).unwrap_or_default(),
            summary: text("summary").unwrap_or_default(),
            description: text("description").unwrap_or_default(),
            tags: tags
                .into_iter()
                .flatten()
                .filter_map(|tag| tag.as_str().map(Box::from))
                .collect(),
            uses: numbers.uses(&Value::Object(operation)),
        }
    }
}

impl Kind {
    fn split(kind: &str, entries: &Map<String, Value>, numbers: &Numbers<'_>) -> Self {
        let component = |(name, value): (&String, &Value)| Component {
            member: Member::new(name, value),
            uses: numbers.uses(value),
        };
        Self {
            head: head(kind).into(),
            entries: entries.iter().map(component).collect(),
        }
    }
}

fn split_tags(tags: &[Value], used: &BTreeSet<Box<str>>) -> Vec<Tag> {
    let tag = |tag: &Value| {
        let name = tag.get("name").and_then(Value::as_str).unwrap_or_default();
        Tag {
            name: name.into(),
            text: tag.to_string().into(),
            used: used.contains(name),
        }
    };
    tags.iter().map(tag).collect()
}

/// The method of a path item's member, if the member is an operation.
fn method(name: &str) -> Option<Method> {
    if !name.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    // OpenAPI has no `connect`.
    Method::from_name(&name.to_ascii_uppercase()).filter(|method| *method != Method::Connect)
}
