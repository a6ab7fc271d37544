/// The actual cost of a request, as an extension of its response. The rate limits that counted the request charge the
/// difference, or refund it.
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
/// A later charge can bring a counter over its limit; it then affects the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(pub u32);
