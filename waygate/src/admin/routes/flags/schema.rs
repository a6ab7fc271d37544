//! The schemas of requests, derived from those of stored definitions.

use std::borrow::Cow;

use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, Type, schema::SchemaType},
};
use waygate_core::flag::{Flag, Segment};

/// A flag in a request.
pub(super) enum FlagDefinition {}

/// Members of a flag in a request.
pub(super) enum FlagPatch {}

/// A segment in a request.
pub(super) enum SegmentDefinition {}

/// Members of a segment in a request.
pub(super) enum SegmentPatch {}

impl PartialSchema for FlagDefinition {
    fn schema() -> RefOr<Schema> {
        let example = json!({
            "key": "new-checkout",
            "name": "New checkout",
            "type": "boolean",
            "variations": [{ "name": "on", "value": true }, { "name": "off", "value": false }],
            "off_variation": "off",
            "fallthrough": [{ "variation": "on", "weight": 20_000 }, { "variation": "off", "weight": 80_000 }],
        });
        let description = "A flag. A key that is in the URL need not be in the body.";
        request(Flag::schema(), description, &FLAG, example)
    }
}

impl PartialSchema for FlagPatch {
    fn schema() -> RefOr<Schema> {
        let clause = json!({ "attribute": "plan", "operator": "in", "values": ["pro"] });
        let example = json!({ "rules": [{ "clauses": [clause], "variation": "on" }] });
        let description = "Members of a flag, each in place of its own as a whole.";
        request(Flag::schema(), description, &[], example)
    }
}

impl PartialSchema for SegmentDefinition {
    fn schema() -> RefOr<Schema> {
        let example =
            json!({ "key": "beta-testers", "name": "Beta testers", "included": ["user-1"] });
        let description = "A segment. A key that is in the URL need not be in the body.";
        request(Segment::schema(), description, &["name"], example)
    }
}

impl PartialSchema for SegmentPatch {
    fn schema() -> RefOr<Schema> {
        let example = json!({ "included": ["user-1", "user-2"] });
        let description = "Members of a segment, each in place of its own as a whole.";
        request(Segment::schema(), description, &[], example)
    }
}

/// All flags and segments in the form of Waygate. With `format`, the body is the document of the other product.
#[derive(ToSchema)]
#[schema(examples(json!({ "version": 1, "flags": [], "segments": [] })))]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) struct FlagDefinitions {
    /// The version of the form: 1.
    version: u64,
    /// The flags.
    flags: Option<Vec<Flag>>,
    /// The segments.
    segments: Option<Vec<Segment>>,
}

/// The required members besides the key, which may be in the URL.
const FLAG: [&str; 5] = ["name", "type", "variations", "off_variation", "fallthrough"];

/// Turns the schema of a stored definition into that of a request.
fn request(
    mut stored: RefOr<Schema>,
    description: &str,
    required: &[&str],
    example: Value,
) -> RefOr<Schema> {
    if let RefOr::T(Schema::Object(object)) = &mut stored {
        object.description = Some(description.to_owned());
        object.required = required.iter().map(|name| (*name).to_owned()).collect();
        object.examples = vec![example];
        for name in ["created_at", "updated_at", "created_by"] {
            object.properties.remove(name);
        }
        for (name, member) in &mut object.properties {
            if name != "key" && !required.contains(&name.as_str()) {
                accept_null(member);
            }
        }
    }
    stored
}

/// `null` stands for the default of a member.
fn accept_null(member: &mut RefOr<Schema>) {
    let kind = match member {
        RefOr::T(Schema::Object(object)) => &mut object.schema_type,
        RefOr::T(Schema::Array(array)) => &mut array.schema_type,
        RefOr::Ref(_) => {
            let null = ObjectBuilder::new().schema_type(Type::Null);
            let either = OneOfBuilder::new().item(null).item(member.clone());
            *member = RefOr::T(Schema::OneOf(either.build()));
            return;
        }
        RefOr::T(_) => return,
    };
    if let SchemaType::Type(own) = kind {
        *kind = SchemaType::from_iter([own.clone(), Type::Null]);
    }
}

macro_rules! named {
    ($($type:ident of $stored:ty;)+) => {$(
        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($type))
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                <$stored>::schemas(schemas);
            }
        }
    )+};
}

named! {
    FlagDefinition of Flag;
    FlagPatch of Flag;
    SegmentDefinition of Segment;
    SegmentPatch of Segment;
}
