use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    error::{Kind, Problem},
    fields,
};

/// Query parameters, all of them known and none of them twice. Their values are texts.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let invalid = |text: String| Problem::new(Kind::InvalidQuery, text);
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| invalid(error.body_text()))?;
        let mut values = Map::new();
        for (name, value) in pairs {
            let shown: String = name.chars().take(64).collect();
            if values.insert(name, Value::String(value)).is_some() {
                return Err(invalid(format!("the parameter `{shown}` is given twice")));
            }
        }
        match fields::read(values, "parameter") {
            Ok(params) => Ok(Self(params)),
            Err(wrong) => Err(invalid(wrong.text)),
        }
    }
}
