use std::borrow::Cow;

use http::Extensions;

/// The caller of a request. Implement it on your own type, set that type with
/// [`WaygateBuilder::principal`](crate::WaygateBuilder::principal), and insert a value of it into the request's
/// extensions where you authenticate the caller, in a layer *around* the guarded router, such as one added with
/// `Guarded::layer`.
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
    /// Returns the user's id, for rate limits by `user`; `None` for an anonymous caller.
    fn user_id(&self) -> Option<Cow<'_, str>>;

    /// Returns `true` if the caller has a role, for `#[allowed_roles]` and `exempt_roles`. [`Roles`](crate::client::Roles) in
    /// the request's extensions count too.
    fn has_role(&self, role: &str) -> bool {
        let _ = role;
        false
    }

    /// Returns an attribute of the caller, such as the `plan` that selects a tier.
    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let _ = name;
        None
    }
}

/// Reads the caller from a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PrincipalSource {
    read: fn(&Extensions) -> Option<&dyn Principal>,
    pub(crate) type_name: &'static str,
}

impl PrincipalSource {
    /// Creates the source for one type.
    pub(crate) fn of<P: Principal>() -> Self {
        fn read<P: Principal>(extensions: &Extensions) -> Option<&dyn Principal> {
            // `Extensions` holds only values that can be cloned.
            extensions
                .get::<P>()
                .map(|principal| principal as &dyn Principal)
        }
        Self {
            read: read::<P>,
            type_name: std::any::type_name::<P>(),
        }
    }

    #[inline]
    pub(crate) fn caller(self, extensions: &Extensions) -> Option<&dyn Principal> {
        (self.read)(extensions)
    }
}
