/// What a request has really cost, as an extension of its answer: the rate limits that counted the request charge the
/// difference to what they took before, or give it back.
///
/// ```
/// use axum::{Extension, response::IntoResponse};
/// use waygate::limits::Cost;
///
/// async fn export() -> impl IntoResponse {
///     let rows = vec!["a", "b", "c"];
///     (Extension(Cost(rows.len() as u32)), rows.join("\n"))
/// }
/// ```
///
/// What is charged afterwards can bring a counter beyond its limit; the next request finds it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(pub u32);
