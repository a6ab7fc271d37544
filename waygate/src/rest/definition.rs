//! Request bodies that are definitions: JSON or YAML that the model reads, with all of its mistakes.

use axum::extract::{FromRef, FromRequest, Request};
use serde_json::Value;

use super::{
    body::bytes,
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
        let mut value = match yaml::is_content(&parts.headers) {
            // It takes some 100 ms for 8 MiB.
            true => tokio::task::spawn_blocking(move || yaml::read(&bytes))
                .await
                .map_err(|_| Problem::new(ProblemKind::Internal, "Internal Server Error"))??,
            false => json::parse(&bytes).map_err(|refused| {
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
