use std::fmt;

use waygate_core::{
    Printable,
    flag::{ErrorCode, Resolution},
};

use super::{FlagDetails, Typed};
use crate::engine::flags::{DeclaredFlag, FlagScope, Flags};

/// A flag that `flags!` declares, with its Rust type. A constant: copy it freely.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, flags::EvaluationContext};
///
/// waygate::flags! {
///     /// The new checkout.
///     pub NEW_CHECKOUT: bool = false { key = "new-checkout", owner = "payments", expires = "2027-03-01" }
/// }
///
/// let waygate = Waygate::builder().build().await?;
/// let (flags, context) = (waygate.flags(), EvaluationContext::new("user-1"));
/// let scope = flags.for_context(&context);
/// assert!(!NEW_CHECKOUT.get(&scope));
/// println!("{}: {:?}", NEW_CHECKOUT.key(), NEW_CHECKOUT.details(&scope).reason());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TypedFlag<T: Typed> {
    declared: &'static DeclaredFlag,
    default: &'static T::Default,
}

impl<T: Typed> TypedFlag<T> {
    /// Creates the flag of a declaration.
    #[doc(hidden)]
    pub const fn new(declared: &'static DeclaredFlag, default: &'static T::Default) -> Self {
        Self { declared, default }
    }

    /// Returns the key.
    pub fn key(&self) -> &'static str {
        self.declared.key()
    }

    /// Evaluates the flag, without locks, allocations and waiting. Never fails: after an error, such as a flag that is
    /// not stored, the result is the default of the declaration.
    #[inline]
    pub fn get<'s, S: FlagScope + ?Sized>(&self, scope: &'s S) -> T::Value<'s> {
        self.details(scope).value
    }

    /// Evaluates the flag as [`get`](Self::get) does, and returns the reason too.
    #[inline]
    pub fn details<'s, S: FlagScope + ?Sized>(
        &self,
        scope: &'s S,
    ) -> FlagDetails<'s, T::Value<'s>> {
        let flags = scope.flags();
        #[cfg(feature = "testing")]
        if let Some(owned) = flags.overridden::<T::Owned>(self.declared) {
            return FlagDetails {
                key: self.key(),
                value: T::of_owned(owned),
                resolution: None,
                error: None,
                overridden: true,
            };
        }
        let (resolution, read) = match flags.declared(self.declared) {
            None => (None, Err(ErrorCode::FlagNotFound)),
            Some(stored) => {
                let resolution = flags.resolve(&stored.flag, scope.context());
                let read = T::read(&resolution, stored.decoded.as_ref());
                (Some(resolution), read)
            }
        };
        let (value, error) = match read {
            Ok(value) => (value, None),
            Err(code) => {
                self.report(flags, code, resolution.as_ref());
                (T::of_default(self.default), Some(code))
            }
        };
        FlagDetails {
            key: self.key(),
            value,
            resolution,
            error,
            overridden: false,
        }
    }

    /// Counts a default, and logs the first error of a stored flag. The start report names flags that are not stored.
    #[cold]
    fn report(&self, flags: &Flags, code: ErrorCode, resolution: Option<&Resolution<'_>>) {
        match resolution {
            Some(other) if other.error().is_none() => other.count_default(),
            Some(_) => {}
            None => flags.set().count_missing(self.key()),
        }
        if code != ErrorCode::FlagNotFound && self.declared.warns() {
            tracing::warn!(
                flag = %Printable(self.key()),
                error = %Printable(code),
                variation = %Printable(resolution.and_then(Resolution::variation).unwrap_or_default()),
                "a flag has no value of its declared type, so its default is served; only the first error is logged"
            );
        }
    }

    pub(crate) const fn declared(&self) -> &'static DeclaredFlag {
        self.declared
    }
}

impl<T: Typed> Clone for TypedFlag<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Typed> Copy for TypedFlag<T> {}

impl<T: Typed> fmt::Debug for TypedFlag<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFlag").field(&self.key()).finish()
    }
}
