use waygate_core::grammar::RoleName;

/// The roles of the caller, for `#[allowed_roles]`. Insert them into the request's extensions where you authenticate,
/// in a layer *around* the guarded router, such as one added with [`Guarded::layer`](crate::Guarded::layer).
///
/// ```
/// use axum::{extract::Request, middleware::Next, response::Response};
/// use waygate::client::Roles;
///
/// async fn authenticate(mut request: Request, next: Next) -> Response {
///     request.extensions_mut().insert(Roles::new(["billing:admin"]));
///     next.run(request).await
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(Vec<String>);

impl Roles {
    /// Creates the set of these roles.
    pub fn new(roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(roles.into_iter().map(Into::into).collect())
    }

    pub(crate) fn has(&self, role: &RoleName) -> bool {
        self.0.iter().any(|own| own == role.as_str())
    }
}
