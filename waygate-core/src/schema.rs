//! OpenAPI schemas of the values that are written as text.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Type,
        schema::{Schema, SchemaType},
    },
};

use crate::{
    grammar::{
        Algorithm, EnvName, KeySource, Limit, LinkTarget, OnMissingKey, OnStoreFailure, Percentage,
        PolicyName, Reason, RoleName, ServiceName, TierLimit, TimeZoneName,
    },
    model::{Action, ExemptPath, LimitKey, RouteKey, WindowId},
};

pub(crate) fn described(kind: Type, description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(kind))
        .description(Some(description))
}

/// Implements the schema of a text.
macro_rules! texts {
    ($($type:ident, $example:literal, $description:literal;)+) => {$(
        impl ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($type))
            }
        }

        impl PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $crate::schema::described(utoipa::openapi::Type::String, $description).examples([$example]).into()
            }
        }
    )+};
}

texts! {
    Action, "maintenance_on", "An action in the audit log.";
    EnvName, "production", "The name of an environment.";
    ExemptPath, "GET:/health", "Routes: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for every path below.";
    KeySource, "user, path:tenant_id", "The key of a counter: `ip`, `user`, `api_key`, `global`, `header:<name>`, \
        `path:<name>`, several of them separated by commas, or `custom`.";
    Limit, "100/minute", "A quota: `<count>/<period>`, several separated by commas.";
    LimitKey, "GET:/search#default", "The key of a limit: `<scope>#<name>`.";
    LinkTarget, "/v2/users", "A URL or a path.";
    PolicyName, "default", "The name of a limit or a tier.";
    RoleName, "billing:admin", "The name of a role.";
    RouteKey, "GET:/payments/{id}", "The key of a route: `METHOD:/template`, in a fleet `service:METHOD:/template`.";
    ServiceName, "billing", "The name of a service.";
    TierLimit, "1000/minute", "A quota, or `unlimited`.";
    TimeZoneName, "Europe/Berlin", "The IANA name of a time zone.";
    WindowId, "2030-01-01T02:00:00Z/2030-01-01T04:00:00Z", "The id of a maintenance window: `<start>/<end>`.";
}

/// Implements the schema of an enum of words.
macro_rules! words {
    ($($type:ident, $description:literal;)+) => {$(
        impl ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($type))
            }
        }

        impl PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let words = $type::ALL.iter().map(|word| word.as_str());
                $crate::schema::described(utoipa::openapi::Type::String, $description).enum_values(Some(words)).into()
            }
        }
    )+};
}

words! {
    Algorithm, "The counting algorithm.";
    OnMissingKey, "The handling of requests without a key. `block`: 401 if the user or the API key is missing, \
        otherwise 400. `unauthorized`: 401. `bad_request`: 400.";
    OnStoreFailure, "The behaviour while the counter store is unreachable.";
}

#[cfg(feature = "flags")]
pub(crate) use {texts, words};

impl ToSchema for Reason {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Reason")
    }
}

impl PartialSchema for Reason {
    fn schema() -> RefOr<Schema> {
        let reason = described(Type::String, "One line of plain text; may be empty.");
        reason.max_length(Some(512)).into()
    }
}

impl ToSchema for Percentage {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Percentage")
    }
}

impl PartialSchema for Percentage {
    fn schema() -> RefOr<Schema> {
        let percentage = described(Type::Number, "A share in percent, with up to two decimals.");
        percentage.minimum(Some(0)).maximum(Some(100)).into()
    }
}
