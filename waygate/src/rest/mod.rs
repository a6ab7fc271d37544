//! JSON over HTTP: what the admin API and other REST interfaces share.
//!
//! | Module | Purpose |
//! | `body`, `readers`, `query`, `filters`, `fields`, `json` | reads and checks requests |
//! | `listing` | lists in pages |
//! | `definition`, `yaml` | reads definitions of flags and segments |
//! | `problem`, `convert`, `flag_problem`, `disclosure` | problem details (RFC 9457) |
//! | `views`, `reply`, `etag`, `headers`, `size` | the views of records, responses, entity tags, security headers, bytes |

mod body;
mod convert;
#[cfg(feature = "flags")]
mod definition;
mod disclosure;
mod etag;
mod fields;
mod filters;
#[cfg(feature = "flags")]
mod flag_problem;
mod headers;
mod json;
mod listing;
mod problem;
mod query;
mod readers;
mod reply;
#[cfg(feature = "flags")]
mod size;
mod views;
#[cfg(feature = "flags")]
mod yaml;

pub(crate) use body::{
    EmptyBody, JsonBody, RequestBody, SMALL, TrustedClient, buffered, bytes as read_bytes,
    read_object, without_body,
};
#[cfg(feature = "flags")]
pub(crate) use definition::{Definition, MAX_BYTES as MAX_DEFINITION};
pub(crate) use disclosure::without_places;
#[cfg(feature = "flags")]
pub(crate) use etag::entity_tag;
#[cfg(feature = "flags")]
pub(crate) use etag::is_tagged;
pub(crate) use etag::{matching, precondition};
pub(crate) use fields::{kind_of, meant, names as field_names, read as read_fields};
#[cfg(feature = "flags")]
pub(crate) use filters::Parsed;
pub(crate) use filters::{OneOf, RouteMethod, Search, Time};
#[cfg(feature = "flags")]
pub(crate) use flag_problem::{invalid_definition, invalid_patch, invalid_schedule, untranslated};
pub(crate) use headers::secure;
pub(crate) use listing::{Filters, Listing, Page};
pub(crate) use problem::{PATH_KEYS, Problem, ProblemKind};
pub(crate) use query::{AtMost, Flag, Params, ensure_empty, take_flag};
pub(crate) use readers::Readers;
pub(crate) use reply::{Reply, WARNING, done, done_or, json_response, with_warning};
#[cfg(feature = "flags")]
pub(crate) use size::json_size;
pub(crate) use views::{route_concurrency_limit, route_rate_limit};
#[cfg(feature = "flags")]
pub(crate) use yaml::names as is_yaml;
#[cfg(all(feature = "flags", feature = "file-yaml"))]
pub(crate) use yaml::{is_accepted as accepts_yaml, response as yaml_response};
