use waygate_core::flag::{Cause, ErrorCode, Reason, Resolution};

/// The value of a declared flag, with the reason for it (OpenFeature: evaluation details).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, flags::{ErrorCode, EvaluationContext, Reason}};
///
/// waygate::flags! {
///     /// The new checkout.
///     pub NEW_CHECKOUT: bool = false;
/// }
///
/// let waygate = Waygate::builder().build().await?;
/// let (flags, context) = (waygate.flags(), EvaluationContext::new("user-1"));
/// let scope = flags.for_context(&context);
/// // The flag is not stored.
/// let details = NEW_CHECKOUT.details(&scope);
/// assert_eq!((details.value(), details.is_default()), (false, true));
/// assert_eq!((details.reason(), details.error()), (Reason::Error, Some(ErrorCode::FlagNotFound)));
/// assert!(details.variation().is_none() && details.rule_id().is_none() && details.bucket().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FlagDetails<'s, V> {
    pub(super) key: &'static str,
    pub(super) value: V,
    pub(super) resolution: Option<Resolution<'s>>,
    /// The error; the value is then the default of the declaration.
    pub(super) error: Option<ErrorCode>,
    /// `true` if a test has set the value.
    pub(super) overridden: bool,
}

impl<'s, V: Copy> FlagDetails<'s, V> {
    /// Returns the key of the flag.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// Returns the value.
    pub fn value(&self) -> V {
        self.value
    }

    /// Returns `true` if the value is the default of the declaration, because of an [`error`](Self::error).
    pub fn is_default(&self) -> bool {
        self.error.is_some()
    }

    /// Returns the name of the variation (OpenFeature: variant); `None` for a default.
    pub fn variation(&self) -> Option<&'s str> {
        self.decided()?.variation()
    }

    /// Returns the reason.
    pub fn reason(&self) -> Reason {
        match self.decided() {
            Some(resolution) => resolution.reason(),
            None if self.overridden => Reason::Static,
            None => Reason::Error,
        }
    }

    /// Returns the step that decided; `None` if the flag is not stored.
    pub fn cause(&self) -> Option<Cause<'s>> {
        Some(self.resolution.as_ref()?.cause())
    }

    /// Returns the id of the rule that matched.
    pub fn rule_id(&self) -> Option<&'s str> {
        self.resolution.as_ref()?.rule_id()
    }

    /// Returns the bucket that decided, from 0 to 99,999.
    pub fn bucket(&self) -> Option<u32> {
        self.resolution.as_ref()?.bucket()
    }

    /// Returns the error: [`FlagNotFound`](ErrorCode::FlagNotFound) if the flag is not stored,
    /// [`TypeMismatch`](ErrorCode::TypeMismatch) if the value cannot be read as the declared type.
    pub fn error(&self) -> Option<ErrorCode> {
        self.error
    }

    /// The result, unless the default is in its place.
    fn decided(&self) -> Option<&Resolution<'s>> {
        self.resolution.as_ref().filter(|_| self.error.is_none())
    }
}
