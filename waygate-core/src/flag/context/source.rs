use std::sync::Arc;

use super::attribute::{AttributeName, AttributeValue};

/// A source of attributes, read only when a rule needs them. Implement it for a type of an application, such as the
/// claims of a user, to evaluate flags without a copy and without allocations; otherwise use
/// [`EvaluationContext`](super::EvaluationContext).
///
/// `kind` is the kind of context that a rule asks for, such as `organization`; `None` is the primary one. The
/// attributes `key` and `kind` need not be answered: they are those of [`key`](Self::key) and [`kind`](Self::kind).
///
/// ```
/// use waygate_core::flag::{AttributeName, AttributeValue, Context};
///
/// struct User {
///     id: String,
///     plan: String,
///     seats: u32,
/// }
///
/// impl Context for User {
///     fn key(&self, kind: Option<&str>) -> Option<&str> {
///         matches!(kind, None | Some("user")).then_some(&self.id)
///     }
///
///     fn attribute(&self, kind: Option<&str>, name: &AttributeName) -> Option<AttributeValue<'_>> {
///         match (kind, name.as_str()) {
///             (None | Some("user"), "plan") => Some(self.plan.as_str().into()),
///             (None | Some("user"), "seats") => Some(self.seats.into()),
///             _ => None,
///         }
///     }
/// }
/// ```
pub trait Context {
    /// Returns the key of the context of this kind (OpenFeature: the targeting key).
    fn key(&self, kind: Option<&str>) -> Option<&str>;

    /// Returns the primary kind.
    fn kind(&self) -> &str {
        "user"
    }

    /// Returns an attribute; for a nested one, the value of its first name.
    fn attribute(&self, kind: Option<&str>, name: &AttributeName) -> Option<AttributeValue<'_>>;
}

/// Implements the trait for a pointer to a context.
macro_rules! pointer {
    ($($pointer:ty),+) => {$(
        impl<C: Context + ?Sized> Context for $pointer {
            fn key(&self, kind: Option<&str>) -> Option<&str> {
                (**self).key(kind)
            }

            fn kind(&self) -> &str {
                (**self).kind()
            }

            fn attribute(&self, kind: Option<&str>, name: &AttributeName) -> Option<AttributeValue<'_>> {
                (**self).attribute(kind, name)
            }
        }
    )+};
}

pointer!(&C, Arc<C>);
