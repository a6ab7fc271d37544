//! Request bodies that are definitions: JSON or YAML that the model reads, with all of its problems.

use axum::extract::{FromRef, FromRequest, Request};
use serde_json::Value;

use super::{
    body::{bytes, compute},
    json,
    problem::{Problem, ProblemKind},
    readers::Readers,
    yaml,
};

/// The size limit in bytes: enough for 100,000 targets.
pub(crate) const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Members that the server keeps; those of a body are ignored.
const READ_ONLY: [&str; 3] = ["created_at", "created_by", "updated_at"];

/// Extracts a definition, or members of one. It may be JSON of any type.
#[derive(Debug)]
pub(crate) struct Definition(pub(crate) Value);

impl<S> FromRequest<S> for Definition
where
    S: Send + Sync,
    Readers: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (bytes, parts) = bytes(request, MAX_BYTES, &Readers::from_ref(state)).await?;
        let is_yaml = yaml::is_content(&parts.headers);
        compute(bytes.len(), move || Self::parse(&bytes, is_yaml)).await
    }
}

impl Definition {
    fn parse(bytes: &[u8], is_yaml: bool) -> Result<Self, Problem> {
        let mut value = match is_yaml {
            true => yaml::read(bytes)?,
            false => json::parse(bytes).map_err(|refused| {
                const INVALID: &str = "Invalid JSON body";
                match bytes.is_empty() {
                    true => Problem::new(ProblemKind::InvalidBody, INVALID)
                        .detail("The body is empty: expected a JSON object."),
                    false => refused.into_problem(INVALID),
                }
            })?,
        };
        if let Value::Object(members) = &mut value {
            members.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
        }
        Ok(Self(value))
    }
}
