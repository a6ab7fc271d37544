/// The actual cost of a request, set as an extension of its response. The rate limits that counted the request charge
/// or refund the difference.
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
/// This later charge can exceed the limit of a counter; it then affects the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(pub u32);
