use std::borrow::Cow;

use http::Extensions;

/// The caller, as your application knows it. Implement it on your own type, name that type with
/// [`WaygateBuilder::principal`](crate::WaygateBuilder::principal), and put a value of it into the request's extensions
/// where you authenticate, in a layer *around* the guarded router, such as one added with `Guarded::layer`.
///
/// ```
/// use std::borrow::Cow;
/// use waygate::{Principal, Waygate};
///
/// #[derive(Clone)]
/// struct Account { id: u64, plan: &'static str, admin: bool }
///
/// impl Principal for Account {
///     fn user_id(&self) -> Option<Cow<'_, str>> {
///         Some(self.id.to_string().into())
///     }
///     fn has_role(&self, role: &str) -> bool {
///         self.admin && role == "admin"
///     }
///     fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
///         (name == "plan").then_some(self.plan.into())
///     }
/// }
///
/// let builder = Waygate::builder().principal::<Account>();
/// ```
pub trait Principal: Send + Sync + 'static {
    /// Who it is, for rate limits by `user`; `None` for a caller who is nobody in particular.
    fn user_id(&self) -> Option<Cow<'_, str>>;

    /// Whether the caller has a role, for `#[allowed_roles]` and `exempt_roles`. [`Roles`](crate::client::Roles) in the request's
    /// extensions count besides.
    fn has_role(&self, role: &str) -> bool {
        let _ = role;
        false
    }

    /// What is known about the caller under a name, such as the `plan` that chooses a tier.
    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let _ = name;
        None
    }
}

/// Where a request keeps its caller.
pub(crate) type PrincipalSource = fn(&Extensions) -> Option<&dyn Principal>;

/// The source for one type.
pub(crate) fn source<P: Principal>(extensions: &Extensions) -> Option<&dyn Principal> {
    // `Extensions` holds only what can be cloned, so that a type that cannot is never found in it.
    extensions
        .get::<P>()
        .map(|principal| principal as &dyn Principal)
}
