use waygate_core::flag::MergedContext;

/// One evaluation, as a provider gets it.
///
/// ```
/// use waygate_core::flag::{EvaluationContext, MergedContext};
/// use waygate_openfeature::FlagRequest;
///
/// let context = EvaluationContext::new("user-1");
/// let levels = [Some(&context)];
/// let request = FlagRequest::new("new-checkout", MergedContext::of(&levels));
/// assert_eq!(request.context().targeting_key(), Some("user-1"));
/// assert!(request.wants_details());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FlagRequest<'a> {
    key: &'a str,
    context: MergedContext<'a>,
    wants_details: bool,
}

impl<'a> FlagRequest<'a> {
    /// Creates a request for a value with all details.
    pub fn new(key: &'a str, context: MergedContext<'a>) -> Self {
        Self {
            key,
            context,
            wants_details: true,
        }
    }

    pub(crate) fn for_value(mut self) -> Self {
        self.wants_details = false;
        self
    }

    /// Returns the key of the flag.
    pub fn key(&self) -> &'a str {
        self.key
    }

    /// Returns the context of all levels.
    pub fn context(&self) -> &MergedContext<'a> {
        &self.context
    }

    /// Returns whether more than the value is used. If not, the provider can leave out variant, reason and metadata, and
    /// what they cost.
    pub fn wants_details(&self) -> bool {
        self.wants_details
    }
}
