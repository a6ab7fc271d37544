use serde_json::{Map, Value};

use super::{bounds, invalid::InvalidContext, stored::EvaluationContext};
use crate::{InexactNumber, flag::ErrorCode};

impl EvaluationContext {
    /// Reads the body of a request of OFREP, `{"context": {..}}`. Unknown members are ignored, and a missing context is
    /// empty. Public for the server and the fuzz targets.
    ///
    /// # Errors
    /// The code of the protocol and a description: `PARSE_ERROR` for a body that is no JSON object, and
    /// `INVALID_CONTEXT` for a context that [`from_json`](Self::from_json) refuses, or a whole number beyond 64
    /// bits that is not written as a floating-point number is.
    #[doc(hidden)]
    pub fn from_ofrep_body(body: &[u8]) -> Result<Self, (ErrorCode, String)> {
        let parsed = serde_json::from_slice(body).map_err(|error| {
            let details = format!("the body is no JSON: {error}");
            (ErrorCode::ParseError, details)
        })?;
        if let Some(inexact) = InexactNumber::find_unlike_floats(body, "/context") {
            return Err((ErrorCode::InvalidContext, inexact.to_string()));
        }
        let Value::Object(mut members) = parsed else {
            let details =
                "the body must be an object, such as {\"context\": {\"targetingKey\": \"user-1\"}}";
            return Err((ErrorCode::ParseError, details.to_owned()));
        };
        let mut context = match members.remove("context") {
            None | Some(Value::Null) => Value::Object(Map::new()),
            Some(context) => context,
        };
        let invalid = |invalid: InvalidContext| (ErrorCode::InvalidContext, invalid.to_string());
        // Before the member below, which the client has not sent.
        bounds::check(&context).map_err(invalid)?;
        if let Value::Object(attributes) = &mut context
            && attributes.get("kind").and_then(Value::as_str) != Some("multi")
        {
            // A context of OFREP is known by this member; without it, `key` would be the targeting key.
            attributes.entry("targetingKey").or_insert(Value::Null);
        }
        Self::within_bounds(&context).map_err(invalid)
    }
}
